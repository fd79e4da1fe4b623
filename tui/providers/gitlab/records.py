"""Actions on the record of a deployment: write one, set its status, take it out of the list."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from tui.model.action import Effect, Intent, Receipt, Verb
from tui.model.errors import NotFound, Refused
from tui.model.provider import Handler
from tui.providers.gitlab import decode
from tui.providers.gitlab.acting import Acting, Call, flag, named, one_of, only, option, path_of, project_of, where
from tui.providers.gitlab.api import decoded
from tui.providers.gitlab.errors import NoRoute
from tui.providers.gitlab.query import DeploymentQuery
from tui.providers.gitlab.wire import DeploymentRow

_NEWEST = 20
_STATUSES = ("running", "success", "failed", "canceled")
_RECORD_OPTIONS = {
    "sha": "the full hash of the commit that was deployed",
    "ref": "the branch or tag that was deployed",
    "tag": "yes: the ref is a tag",
    "status": "running, success (as it is without), failed or canceled",
    "environment": "the environment's name, if it is not the service's own",
}
_STATUS_OPTIONS = {"status": "running, success, failed or canceled"}
_SHA = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_RECORD_ONLY = "This writes a record: nothing is deployed by it."


class Records:
    def __init__(self, acting: Acting) -> None:
        self._acting = acting

    def handlers(self) -> dict[Verb, Handler]:
        return {
            Verb.RECORD: Handler(self._record, self._record_effect, _RECORD_OPTIONS),
            Verb.SET_STATUS: Handler(self._set_status, self._set_status_effect, _STATUS_OPTIONS),
            Verb.REMOVE: Handler(self._remove, self._remove_effect),
        }

    def _record_effect(self, intent: Intent) -> Effect:
        call = _record_call(intent)
        environment = call.body["environment"]
        warnings = [_RECORD_ONLY]
        if call.body["status"] == "success":
            warnings.append("GitLab will show it as the one that is deployed.")
        if environment != intent.service.environment_name:
            warnings.append(f"If there is no environment {environment}, it is made.")
        does = f"Records a deployment of {call.body['ref']} to {environment} as {call.body['status']}."
        return self._acting.effect(call, does, *warnings)

    async def _record(self, intent: Intent) -> Receipt:
        answer = await self._acting.send(intent, _record_call(intent))
        made = decoded(answer, DeploymentRow)
        return self._acting.accepted(
            intent, message=f"recorded as deployment {made.id}", deployment=self._acting.ref(made.id)
        )

    async def trace(self, intent: Intent, since: datetime) -> Receipt | None:
        """Look for a record of this content by the token's owner since then; for the status where it was another."""
        if intent.verb is Verb.RECORD:
            return await self._trace_record(intent, since)
        target = self._acting.target(intent)
        wanted = _status_call(intent, target.id).body["status"]
        row = await self._acting.read(intent, target)
        is_set = decode.word(row) == wanted and decode.is_since(row.updated_at, since)
        if target.status_raw == wanted or not is_set:
            return None
        return self._acting.accepted(intent, message=f"deployment {target.id} is {wanted}", deployment=target.ref)

    async def _trace_record(self, intent: Intent, since: datetime) -> Receipt | None:
        body = _record_call(intent).body
        query = DeploymentQuery(environment=body["environment"])
        rows = (await self._acting.deployments.newest(project_of(intent), query, per_page=_NEWEST)).items
        me = await self._acting.me()
        ours = [
            row
            for row in rows
            if row.is_external
            and (row.sha, row.ref) == (body["sha"], body["ref"])
            and decode.is_same(row.user, me)
            and decode.is_since(row.created_at, since)
        ]
        if len(ours) != 1:  # of several it is not certain which one is meant
            return None
        made = ours[0]
        return self._acting.accepted(
            intent, message=f"recorded as deployment {made.id}", deployment=self._acting.ref(made.id)
        )

    def _set_status_effect(self, intent: Intent) -> Effect:
        target = self._acting.target(intent)
        call = _status_call(intent, target.id)
        row = self._acting.known(intent, target)
        if row is not None and not row.is_external:
            raise Refused(target.not_now.get(Verb.SET_STATUS) or "GitLab CI sets the status of this deployment itself.")
        return self._acting.effect(
            call, f"Says that {named(target)} of {where(intent)} is {call.body['status']}.", _RECORD_ONLY
        )

    async def _set_status(self, intent: Intent) -> Receipt:
        target = self._acting.target(intent)
        call = _status_call(intent, target.id)
        await self._acting.send(intent, call)
        await self._acting.read_again(intent, target.id)
        return self._acting.accepted(
            intent, message=f"deployment {target.id} is {call.body['status']}", deployment=target.ref
        )

    def _remove_effect(self, intent: Intent) -> Effect:
        only(intent, ())
        target = self._acting.target(intent)
        return self._acting.effect(
            Call("DELETE", f"{path_of(intent)}/deployments/{target.id}"),
            f"Takes {named(target)} of {where(intent)} out of GitLab's list.",
            "It is the record that goes, for good: nothing that runs is touched.",
            "What was taken out cannot be rolled back to.",
        )

    async def _remove(self, intent: Intent) -> Receipt:
        only(intent, ())
        target = self._acting.target(intent)
        place = self._acting.inventory.place(intent.service.ref)
        if str(place.live) == target.id:
            raise Refused("It is the one that is deployed, which GitLab does not remove from the list.")
        try:
            await self._acting.send(intent, Call("DELETE", f"{path_of(intent)}/deployments/{target.id}"))
        except NoRoute as error:
            raise Refused("This GitLab server cannot remove deployments: that came with 15.3.") from error
        except NotFound:
            self._acting.inventory.forget(intent.service.ref, target.id)
            raise
        self._acting.inventory.forget(intent.service.ref, target.id)
        return self._acting.accepted(intent, deployment=target.ref)


def _record_call(intent: Intent) -> Call:
    """Without `sha` and `ref` those of the deployment that was chosen, if one was. Raises Refused."""
    only(intent, _RECORD_OPTIONS)
    chosen = intent.deployment.revision if intent.deployment is not None else None
    sha = option(intent, "sha").lower() or (chosen.sha if chosen is not None else "")
    ref = option(intent, "ref") or (chosen.branch or "" if chosen is not None else "")
    if not _SHA.fullmatch(sha):
        what = f"{sha[:70]!r} is not one" if sha else "there is none"
        raise Refused(f"A record wants the full hash of a commit, and {what}.", remedy="Give the option sha.")
    if not ref or any(each.isspace() for each in ref):
        raise Refused("A record wants the branch or tag that was deployed.", remedy="Give the option ref.")
    body: dict[str, Any] = {
        "environment": option(intent, "environment") or intent.service.environment_name,
        "sha": sha,
        "ref": ref,
        "tag": flag(intent, "tag"),
        "status": one_of(intent, "status", _STATUSES, default="success"),
    }
    return Call("POST", f"{path_of(intent)}/deployments", body)


def _status_call(intent: Intent, deployment: str) -> Call:
    only(intent, _STATUS_OPTIONS)
    body = {"status": one_of(intent, "status", _STATUSES)}
    return Call("PUT", f"{path_of(intent)}/deployments/{deployment}", body)
