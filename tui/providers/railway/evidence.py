"""Whether an action whose answer was lost did arrive: what only that very request can have caused.

A deployment that merely began later may be somebody else's. It is ours when it was made after the request, by the
token's own user, for the reason and of the revision that were asked for, and when no other one fits as well. A token
without a user (of a project, of a workspace) leaves no name: then only a deployment without one can be its own.
"""

from __future__ import annotations

from datetime import datetime

from tui.model.action import Intent, Outcome, Progress, Receipt, Verb
from tui.model.clock import Clock
from tui.model.entities import Deployment, Kind, Ref, Revision
from tui.model.errors import Forbidden, NotFound
from tui.model.status import Status
from tui.providers.graphql import Endpoint
from tui.providers.railway import decode, documents, states, wire
from tui.providers.railway.timeline import read_page
from tui.providers.railway.wire import DeploymentRow, Rows, UserRow
from tui.providers.values import moment

_ROWS = 50
_STOP = "stop "  # an operation's name, before the deployment's id
_COMMIT = 40
_MADE_BY = {Verb.REDEPLOY: "redeploy", Verb.ROLLBACK: "rollback", Verb.DEPLOY: "deploy"}
"""Verb -> `meta.reason`. Of the live API only "deploy" was seen: beside the user's own name it is no contradiction."""


class Evidence:
    """Looks for the effect of one intent. It sends no mutation."""

    def __init__(self, endpoint: Endpoint, clock: Clock) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._user: UserRow | None = None
        self._user_is_known = False

    async def trace(self, intent: Intent, since: datetime) -> Receipt | None:
        try:
            if intent.verb in _MADE_BY:
                return await self._made(intent, since)
            return await self._acted_upon(intent, since)
        except NotFound:
            return None

    async def progress(self, receipt: Receipt) -> Progress:
        """Report how a stop goes on its own deployment: the service shows another one once this one is gone."""
        row = await self._row(receipt.operation.removeprefix(_STOP))
        status = states.state(row, row.replicas())
        if status in (Status.STOPPED, Status.REMOVING, Status.REMOVED):
            return Progress(True, "stopped")
        if status is Status.CRASHED and row.deployment_stopped:
            return Progress(True, "it has crashed, and nothing of it runs")
        return Progress()

    # -- deployments that were made -------------------------------------------------------------------

    async def _made(self, intent: Intent, since: datetime) -> Receipt | None:
        page = await read_page(self._endpoint, intent.service, None, _ROWS)
        young = _since(page, since)
        if young is None:
            return None
        user = await self._own_user()
        ours = [row for row in young if _is_wanted(intent, row) and _is_by(user, row, intent.verb)]
        return self._receipt(intent, ours[0].id) if len(ours) == 1 else None

    async def _own_user(self) -> UserRow | None:
        """Return who this token's deployments are said to be by; None for a token that is nobody's."""
        if not self._user_is_known:
            try:
                data = await self._endpoint.execute(documents.ME, {})
                self._user = wire.one(wire.at(data, "me", self._endpoint.peer), UserRow, self._endpoint.peer, "me")
            except Forbidden:
                self._user = None
            self._user_is_known = True
        return self._user

    # -- deployments that were acted upon --------------------------------------------------------------

    async def _acted_upon(self, intent: Intent, since: datetime) -> Receipt | None:
        target = intent.deployment or decode.target(intent.verb, intent.service.latest, intent.service.live)
        if target is None:
            return None
        row = await self._row(target.id)
        changed = moment(row.status_updated_at)
        shows = _shows(intent.verb, row)
        if intent.verb is Verb.STOP:  # a stop changes neither the status nor its date
            return self._receipt(intent, target.id, f"{_STOP}{target.id}") if shows else None
        if not shows or changed is None or changed < since:
            return None
        if intent.verb in (Verb.CANCEL, Verb.REMOVE):
            young = _since(await read_page(self._endpoint, intent.service, None, _ROWS), since)
            if young is None or any(each.id != target.id for each in young):
                return None  # a newer deployment takes the place of an older one, too
        return self._receipt(intent, target.id)

    async def _row(self, deployment: str) -> DeploymentRow:
        data = await self._endpoint.execute(documents.DEPLOYMENT, {"id": deployment})
        peer = self._endpoint.peer
        return wire.one(wire.at(data, "deployment", peer), DeploymentRow, peer, "deployment")

    def _receipt(self, intent: Intent, deployment: str, operation: str = "") -> Receipt:
        ref = Ref(self._endpoint.peer.account, Kind.DEPLOYMENT, deployment)
        now = self._clock.now()
        message = f"deployment {deployment[:8]}"
        return Receipt(intent, Outcome.ACCEPTED, now, message=message, deployment=ref, operation=operation)


def stop_operation(deployment: Deployment) -> str:
    """Return the name under which `Evidence.progress` knows a stop."""
    return f"{_STOP}{deployment.id}"


def _since(page: Rows[DeploymentRow], since: datetime) -> list[DeploymentRow] | None:
    """Return the rows made since then; None where there may be others that could not be read."""
    dates = [moment(row.created_at) for row in page.items]
    if page.odd or None in dates:
        return None
    young = [row for row, made in zip(page.items, dates, strict=True) if made is not None and made >= since]
    return None if len(young) == len(page.items) and (page.next or page.cut) else young


def _is_wanted(intent: Intent, row: DeploymentRow) -> bool:
    """Say whether it is of the revision that was asked for, and was not there before."""
    service = intent.service
    known = {each.id for each in (service.latest, service.live, intent.deployment) if each is not None}
    if row.id in known:
        return False
    revision = decode.revision(row.meta)
    if intent.verb is Verb.DEPLOY:
        commit = intent.options.get("commit", "")
        return not commit or (revision is not None and revision.sha.lower() == commit.lower())
    source = intent.deployment or decode.target(intent.verb, service.latest, service.live)
    return source is not None and _is_same(revision, source.revision)


def _is_same(one: Revision | None, other: Revision | None) -> bool:
    """Compare commits by their hash, images and uploads by all that is said of them."""
    if one is None or other is None:
        return False
    if len(other.sha) == _COMMIT:
        return one.sha == other.sha
    return one.message == other.message and bool(one.message)


def _is_by(user: UserRow | None, row: DeploymentRow, verb: Verb) -> bool:
    reason = decode.reason(row.meta)
    if user is None:
        return row.creator is None and reason == _MADE_BY[verb]
    if row.creator is None or reason not in (_MADE_BY[verb], _MADE_BY[Verb.DEPLOY]):
        return False
    if user.id and row.creator.id:
        return user.id == row.creator.id
    return bool(user.email) and user.email == row.creator.email


def _shows(verb: Verb, row: DeploymentRow) -> bool:
    """Say whether the deployment is what the verb makes of it."""
    status = states.state(row, row.replicas())
    match verb:
        case Verb.STOP:
            return status is Status.STOPPED and not decode.is_cron(row.meta)  # a job stops by itself
        case Verb.RESTART:
            return status in states.BEFORE_START
        case Verb.CANCEL | Verb.REMOVE:
            return status in (Status.REMOVING, Status.REMOVED)
        case Verb.APPROVE:
            return status in states.RUNS or (status in states.BEFORE_START and status is not Status.NEEDS_APPROVAL)
    return False
