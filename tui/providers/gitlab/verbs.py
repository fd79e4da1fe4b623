"""Everything that can be done to a GitLab deployment, and what cannot."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from tui.model.action import Intent, Progress, Receipt, Verb
from tui.model.errors import NotFound
from tui.model.log import LogKind
from tui.model.provider import Handler
from tui.providers.gitlab.acting import Acting
from tui.providers.gitlab.approvals import Approvals
from tui.providers.gitlab.environments import STOP, Environments
from tui.providers.gitlab.evidence import Evidence
from tui.providers.gitlab.jobs import PIPELINE, Jobs
from tui.providers.gitlab.records import Records

LACKS: Mapping[Verb | LogKind, str] = {
    Verb.RESTART: "GitLab cannot restart processes: redeploy runs the deploy job again.",
    Verb.START: "GitLab cannot start a stopped environment: a redeploy or a new pipeline makes it available again.",
    LogKind.RUNTIME: (
        "GitLab does not offer runtime logs: look at the build log, the job that deployed it, or at what runs it."
    ),
    LogKind.HTTP: "GitLab does not offer HTTP logs: look at the service's own address or at what runs it.",
}


class Verbs:
    def __init__(self, acting: Acting) -> None:
        self._jobs = Jobs(acting)
        self._evidence = Evidence(acting, self._jobs)
        self._records = Records(acting)
        self._approvals = Approvals(acting)
        self._environments = Environments(acting)

    def handlers(self) -> dict[Verb, Handler]:
        return {
            **self._jobs.handlers(),
            **self._records.handlers(),
            **self._approvals.handlers(),
            **self._environments.handlers(),
        }

    async def trace(self, intent: Intent, since: datetime) -> Receipt | None:
        """Look for what this very request has caused. None: nothing proves that it arrived."""
        match intent.verb:
            case Verb.APPROVE | Verb.REJECT:
                return await self._approvals.trace(intent, since)
            case Verb.RECORD | Verb.SET_STATUS:
                return await self._records.trace(intent, since)
            case Verb.STOP:
                return await self._environments.trace(intent, since)
        return await self._evidence.trace(intent, since)

    async def progress(self, receipt: Receipt) -> Progress:
        """By the operation's name: what it is, its project, and the id of what goes on."""
        kind, _, rest = receipt.operation.partition(":")
        project, _, id_ = rest.partition(":")
        if not project.isdecimal() or not id_.isdecimal():
            raise NotFound(f"GitLab has no operation {receipt.operation!r}.")
        match kind:
            case Verb.APPROVE | Verb.REJECT:
                return await self._approvals.progress(receipt, int(project), int(id_))
            case _ if kind == STOP:
                return await self._environments.progress(receipt, int(project), int(id_))
            case _ if kind == PIPELINE:
                return await self._jobs.progress(int(project), int(id_))
        raise NotFound(f"GitLab has no operation {receipt.operation!r}.")
