"""Stopping an environment, which is all that GitLab can do to what runs."""

from __future__ import annotations

from datetime import datetime

from tui.model.action import Effect, Intent, Progress, Receipt, Verb
from tui.model.errors import NotFound, Refused
from tui.model.provider import Handler
from tui.model.status import Status
from tui.providers.gitlab import decode, reasons
from tui.providers.gitlab.acting import Acting, Call, flag, only, path_of, project_of, where
from tui.providers.gitlab.api import decoded
from tui.providers.gitlab.wire import EnvironmentRow, JobRow

STOP = "stop"

_OPTIONS = {"force": "yes: mark it as stopped without running its on_stop job"}


class Environments:
    def __init__(self, acting: Acting) -> None:
        self._acting = acting

    def handlers(self) -> dict[Verb, Handler]:
        return {Verb.STOP: Handler(self._stop, self._effect, _OPTIONS)}

    def _effect(self, intent: Intent) -> Effect:
        call = _call(intent)
        if call.body:
            return self._acting.effect(
                call,
                f"Marks the environment of {where(intent)} as stopped without running its on_stop job.",
                "Whatever runs there goes on running, and nobody sees it here any more.",
            )
        return self._acting.effect(
            call,
            f"Stops the environment of {where(intent)}: its on_stop job runs, if it has one.",
            "Without an on_stop job GitLab only calls it stopped: what runs there goes on running.",
            "There is no start: the next deployment makes it available again.",
        )

    async def _stop(self, intent: Intent) -> Receipt:
        call = _call(intent)
        if (reason := reasons.of_state(self._acting.inventory.place(intent.service.ref).state)) is not None:
            raise Refused(reason)
        row = decoded(await self._acting.send(intent, call), EnvironmentRow)
        self._acting.inventory.learn_environment(intent.service.ref, row)
        if decode.state(row) == "available":
            raise Refused(
                f"GitLab answered, but {where(intent)} is still available.",
                remedy="The token's owner may not be allowed to stop it.",
            )
        return self._acting.accepted(intent, operation=f"{STOP}:{project_of(intent)}:{row.id}")

    async def trace(self, intent: Intent, since: datetime) -> Receipt | None:
        """Read the environment, which no deployment shows to be stopped, and look who stopped it.

        GitLab says that only by its on_stop job: where somebody else's ran, theirs was the request that arrived.
        """
        environment = decode.split(intent.service.ref)[1]
        was_up = reasons.of_state(_state_of(intent)) is None
        row = await self._acting.api.one(f"{path_of(intent)}/environments/{environment}", EnvironmentRow)
        self._acting.inventory.learn_environment(intent.service.ref, row)
        state = decode.state(row)
        if state not in ("stopping", "stopped") or not was_up or await self._is_somebody_elses(intent, since):
            return None
        return self._acting.accepted(
            intent, message=f"the environment is {state}", operation=f"{STOP}:{project_of(intent)}:{row.id}"
        )

    async def _is_somebody_elses(self, intent: Intent, since: datetime) -> bool:
        """Tell whether jobs of the pipeline that deployed it ran since then, and none of them was the owner's."""
        live = intent.service.live
        row = await self._acting.read(intent, live) if live is not None else None
        if row is None or row.job is None or row.job.pipeline is None:
            return False
        path = f"{path_of(intent)}/pipelines/{row.job.pipeline.id}/jobs"
        jobs = (await self._acting.api.page(path, JobRow, {})).items
        ran = [job for job in jobs if decode.was_started_since(job, since)]
        me = await self._acting.me() if ran else None
        return bool(ran) and not any(decode.is_same(job.user, me) for job in ran)

    async def progress(self, receipt: Receipt, project: int, environment: int) -> Progress:
        try:
            row = await self._acting.api.one(f"projects/{project}/environments/{environment}", EnvironmentRow)
        except NotFound:
            return Progress(ok=True, message="stopped and deleted")
        self._acting.inventory.learn_environment(receipt.intent.service.ref, row)
        match decode.state(row):
            case "stopped":
                return Progress(ok=True, message="stopped")
            case "stopping":
                return Progress(message="stopping: its on_stop job runs")
        return Progress(ok=False, message="it is available again: its on_stop job failed, or it was deployed anew")


def _state_of(intent: Intent) -> str:
    """Return the environment's state in the picture that the action was asked from."""
    match intent.service.status:
        case Status.STOPPED if intent.service.status_raw == "stopped":
            return "stopped"
        case Status.REMOVING:
            return "stopping"
    return "available"


def _call(intent: Intent) -> Call:
    only(intent, _OPTIONS)
    environment = decode.split(intent.service.ref)[1]
    body = {"force": True} if flag(intent, "force") else {}
    return Call("POST", f"{path_of(intent)}/environments/{environment}/stop", body)
