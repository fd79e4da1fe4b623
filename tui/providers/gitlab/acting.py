"""What every action shares: which deployment is meant, the request as it is shown and as it is sent."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

import msgspec
from msgspec import Struct, field

from tui.model.action import Danger, Effect, Intent, Outcome, Receipt, Verb
from tui.model.clock import Clock
from tui.model.entities import Deployment, Kind, Ref
from tui.model.errors import ProviderError, Refused
from tui.providers.gitlab import decode, reasons
from tui.providers.gitlab.api import Api, project_path
from tui.providers.gitlab.deployments import Deployments
from tui.providers.gitlab.inventory import Inventory
from tui.providers.gitlab.wire import DeploymentRow, JobRow, UserRow
from tui.providers.rest import Answer

_YES = ("yes", "true", "1")
_NO = ("", "no", "false", "0")
_REMEMBERED = 200  # actions


class Call(Struct, frozen=True):
    """One request that changes something."""

    method: str
    path: str
    body: Mapping[str, Any] = field(default_factory=dict)


class Asked(Struct):
    """What an action named, and what its answer named: `row` is the deployment whose job is run, `job` the new job."""

    row: DeploymentRow | None = None
    job: int | None = None


class Acting:
    def __init__(
        self,
        api: Api,
        inventory: Inventory,
        deployments: Deployments,
        clock: Clock,
        me: Callable[[], Awaitable[UserRow | None]],
    ) -> None:
        """`me` fetches the token's owner; None where the server does not say."""
        self.api = api
        self.inventory = inventory
        self.deployments = deployments
        self.clock = clock
        self.me = me
        self._asked: OrderedDict[str, Asked] = OrderedDict()

    def asked(self, intent: Intent) -> Asked:
        """Return what is remembered of an action; empty for one of an earlier session."""
        found = self._asked.setdefault(intent.id, Asked())
        while len(self._asked) > _REMEMBERED:
            self._asked.popitem(last=False)
        return found

    # -- whom it concerns -----------------------------------------------------------------------------------

    def target(self, intent: Intent) -> Deployment:
        """The deployment that is meant. Raises Refused when there is none."""
        service = intent.service
        meant = intent.deployment or reasons.target(intent.verb, service.latest, service.live)
        if meant is not None:
            return meant
        if intent.verb is Verb.ROLLBACK:
            raise Refused("A rollback wants to know which deployment to go back to.", remedy="Name one.")
        if service.doubt:
            raise Refused(service.doubt, remedy="Choose the deployment that is meant.")
        raise Refused(f"{service.path} has no deployment to {intent.verb}.", remedy="Deploy it first.")

    def known(self, intent: Intent, target: Deployment) -> DeploymentRow | None:
        """Its row as it was last read, for what is shown before anything is asked."""
        return self.deployments.known(intent.service.ref, target.id)

    async def read(self, intent: Intent, target: Deployment) -> DeploymentRow:
        """Its row as it is now, with its approvals."""
        row = await self.deployments.one(project_of(intent), target.id)
        self.inventory.learn_single(intent.service.ref, row)
        return row

    # -- what is shown ----------------------------------------------------------------------------------------

    def effect(self, call: Call, does: str, *warnings: str, danger: Danger = Danger.ASK, also: str = "") -> Effect:
        text = f"{call.method} {self.api.peer.url}/{call.path}"
        if call.body:
            text += " " + msgspec.json.encode(_shown(call.body)).decode()
        return Effect(text + also, does, warnings, danger)

    # -- what is done -----------------------------------------------------------------------------------------

    async def send(self, intent: Intent, call: Call) -> Answer:
        try:
            return await self.api.act(call.method, call.path, call.body)
        finally:
            self.inventory.acted(intent.service.ref)

    async def read_again(self, intent: Intent, deployment: str) -> DeploymentRow | None:
        """After something was done: its row, if it can be had. That it cannot is no fault of the action."""
        try:
            row = await self.deployments.one(project_of(intent), deployment)
        except ProviderError:
            return None
        self.inventory.learn_single(intent.service.ref, row)
        return row

    def accepted(
        self, intent: Intent, *, message: str = "", deployment: Ref | None = None, operation: str = ""
    ) -> Receipt:
        return Receipt(
            intent, Outcome.ACCEPTED, self.clock.now(), message=message, deployment=deployment, operation=operation
        )

    def ref(self, deployment: int | str) -> Ref:
        return Ref(self.api.account, Kind.DEPLOYMENT, str(deployment))


# -- words and options ------------------------------------------------------------------------------------


def project_of(intent: Intent) -> int:
    return decode.split(intent.service.ref)[0]


def path_of(intent: Intent) -> str:
    return project_path(project_of(intent))


def job_path(intent: Intent, job: JobRow | None, verb: str) -> str:
    return f"{path_of(intent)}/jobs/{job.id if job is not None else ':job_id'}/{verb}"


def named(deployment: Deployment) -> str:
    short = deployment.revision.short if deployment.revision else ""
    return f"deployment {deployment.id}" + (f" ({short})" if short else "")


def where(intent: Intent) -> str:
    return f"{intent.service.name} in {intent.service.environment_name}"


def flag(intent: Intent, name: str) -> bool:
    value = option(intent, name).lower()
    if value in _YES:
        return True
    if value in _NO:
        return False
    raise Refused(f"The option {name} is yes or no, not {value[:40]!r}.")


def option(intent: Intent, name: str) -> str:
    return intent.options.get(name, "").strip()


def one_of(intent: Intent, name: str, allowed: Collection[str], default: str = "") -> str:
    value = option(intent, name) or default
    if value in allowed:
        return value
    what = f"not {value[:40]!r}" if value else "and is needed"
    raise Refused(f"The option {name} is one of {', '.join(allowed)}, {what}.")


def only(intent: Intent, known: Collection[str]) -> None:
    """Raises Refused for an option that the verb does not have: it would be ignored without a word."""
    for name in intent.options:
        if name not in known:
            raise Refused(
                f"{intent.verb} has no option {name[:40]!r}.",
                remedy=f"Known: {', '.join(known)}." if known else "It has none.",
            )


def _shown(body: Mapping[str, Any]) -> dict[str, Any]:
    """Variables may be secrets: their values stay out of dialogs and of the audit."""
    shown = dict(body)
    for name in ("variables", "job_variables_attributes"):
        if name in shown:
            shown[name] = [{**each, "value": "***"} for each in shown[name]]
    return shown
