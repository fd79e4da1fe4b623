"""Actions on the job behind a deployment: run it again, run it for the first time, stop it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from tui.model.action import Danger, Effect, Intent, Progress, Receipt, Verb
from tui.model.entities import Deployment
from tui.model.errors import Forbidden, NotFound, ProviderError, Refused
from tui.model.provider import Handler
from tui.providers.gitlab import decode, reasons
from tui.providers.gitlab.acting import (
    Acting,
    Call,
    flag,
    job_path,
    named,
    only,
    option,
    path_of,
    project_of,
    where,
)
from tui.providers.gitlab.api import decoded
from tui.providers.gitlab.wire import DeploymentRow, JobRow, PipelineRow

PIPELINE = "pipeline"

_DEPLOY_OPTIONS = {
    "ref": "the branch or tag to run a new pipeline on",
    "variables": "KEY=VALUE,KEY=VALUE: variables of the pipeline, or of the manual job",
}
_CANCEL_OPTIONS = {
    "pipeline": "yes: cancel the whole pipeline, not only the deployment's job",
    "force": "yes: end a job that hangs while it is canceled (maintainers only)",
}
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ONLY_THE_JOB = "Only the deployment's job runs again, on the same commit, with the variables of now."
_REJECTED = "deployment_rejected"
_NEVER_RAN = frozenset({"manual", "created", "scheduled", "skipped"})  # of another pipeline on the same commit
_ENDED: Mapping[str, bool] = {"success": True, "failed": False, "canceled": False, "skipped": False}


class Jobs:
    def __init__(self, acting: Acting) -> None:
        self._acting = acting

    def handlers(self) -> dict[Verb, Handler]:
        return {
            Verb.REDEPLOY: Handler(self._retry, self._retry_effect),
            Verb.ROLLBACK: Handler(self._retry, self._retry_effect),
            Verb.DEPLOY: Handler(self._deploy, self._deploy_effect, _DEPLOY_OPTIONS),
            Verb.CANCEL: Handler(self._cancel, self._cancel_effect, _CANCEL_OPTIONS),
        }

    # -- redeploy and rollback: both are a retry, as in GitLab's own pages ----------------------------------

    def _retry_effect(self, intent: Intent) -> Effect:
        only(intent, ())
        target = self._acting.target(intent)
        row = self._acting.known(intent, target)
        call = Call("POST", job_path(intent, row.job if row is not None else None, "retry"))
        also = "" if row is not None else f"  (the job of deployment {target.id})"
        message = target.revision.message if target.revision is not None else None
        what = named(target) + (f" “{message}”" if message else "")
        if intent.verb is Verb.ROLLBACK:
            made = f"{target.created_at:%Y-%m-%d %H:%M} UTC" if target.created_at else "an unknown time"
            return self._acting.effect(
                call,
                f"Makes a new deployment of {where(intent)} from {what} of {made}.",
                _ONLY_THE_JOB,
                "Database migrations and whatever other jobs did are not rolled back.",
                "If the job was run again already, its newest run is used.",
                also=also,
            )
        return self._acting.effect(
            call,
            f"Runs the deploy job of {what} of {where(intent)} again.",
            _ONLY_THE_JOB,
            "If the job was run again already, its newest run is used.",
            also=also,
        )

    async def _retry(self, intent: Intent) -> Receipt:
        only(intent, ())
        target = self._acting.target(intent)
        row = await self._acting.read(intent, target)
        newest = await self._newest_run(intent, row)
        job = self._retryable(intent, row, newest)
        self._acting.asked(intent).row = newest
        try:
            answer = await self._acting.send(intent, Call("POST", job_path(intent, job, "retry")))
        except Forbidden as error:
            if intent.verb is Verb.ROLLBACK and not error.scope:
                raise Forbidden(error.message, remedy=reasons.NO_ROLLBACK) from error
            raise
        made = decoded(answer, JobRow)
        self._acting.asked(intent).job = made.id
        found = await self._made_by(intent, made.id)
        message = "" if newest.id == row.id else f"deployment {newest.id} was its newest run"
        return self._acting.accepted(
            intent, message=message, deployment=self._acting.ref(found.id) if found is not None else None
        )

    def _retryable(self, intent: Intent, row: DeploymentRow, newest: DeploymentRow) -> JobRow:
        """The job to run again. Raises Refused where GitLab would, with a better reason."""
        job = newest.job
        if newest.is_external:
            raise Refused(reasons.EXTERNAL + " again.", remedy="Deploy it from where it was made.")
        if job is None:
            raise Refused(reasons.NO_JOB, remedy="Run it again on GitLab's own page.")
        live = self._acting.inventory.place(intent.service.ref).live
        if intent.verb is Verb.ROLLBACK:
            if decode.word(row) != "success":
                raise Refused(f"Only a deployment that went well can be gone back to; {row.id} is {decode.word(row)}.")
            if live in (row.id, newest.id):
                raise Refused(f"{where(intent)} runs that already, as deployment {live}.")
        if job.failure_reason == _REJECTED:
            raise Refused(f"Deployment {newest.id} was rejected, and is not run again.", remedy="Run a new pipeline.")
        if job.status not in reasons.RETRYABLE:
            state = job.status.replace("_", " ") or "unknown"
            again = "" if newest.id == row.id else " It is the newest run of the same job and commit."
            raise Refused(f"The job of deployment {newest.id} has not ended: it is {state}.{again}")
        return job

    async def _newest_run(self, intent: Intent, row: DeploymentRow) -> DeploymentRow:
        """A job can be run again once: the one to run is the last of the chain, of the same commit and name."""
        if row.job is None:
            return row
        query = self._acting.inventory.query(intent.service)
        return newest_run(row, (await self._acting.deployments.newest(project_of(intent), query)).items)

    async def _made_by(self, intent: Intent, job: int) -> DeploymentRow | None:
        """Find the deployment that the new job makes; None while it is not there yet, which `trace` looks for then."""
        query = self._acting.inventory.query(intent.service)
        try:
            rows = (await self._acting.deployments.newest(project_of(intent), query, per_page=20)).items
        except ProviderError:
            return None
        self._acting.inventory.learn(intent.service.ref, rows)
        return next((row for row in rows if row.job is not None and row.job.id == job), None)

    # -- deploy: a manual job, else a pipeline ------------------------------------------------------------------

    def _deploy_effect(self, intent: Intent) -> Effect:
        variables = _variables(intent)
        waiting = self.waiting(intent)
        if waiting is not None:
            row = self._acting.known(intent, waiting)
            body = {"job_variables_attributes": variables} if variables else {}
            call = Call("POST", job_path(intent, row.job if row is not None else None, "play"), body)
            return self._acting.effect(
                call,
                f"Runs the manual job of {named(waiting)}, which deploys {where(intent)}.",
                "What serves now is replaced when it ends well.",
            )
        ref = ref_of(intent)
        return self._acting.effect(
            self._pipeline_call(intent, ref, variables),
            f"Runs a new pipeline on {ref}, which may deploy {where(intent)}.",
            "A pipeline runs everything on that ref: builds, tests, and deployments to other environments too.",
            "Jobs that are manual still wait for somebody.",
            danger=Danger.TYPE,
        )

    async def _deploy(self, intent: Intent) -> Receipt:
        variables = _variables(intent)
        waiting = self.waiting(intent)
        if waiting is not None:
            return await self._play(intent, waiting, variables)
        call = self._pipeline_call(intent, ref_of(intent), variables)
        return self.follows(intent, decoded(await self._acting.send(intent, call), PipelineRow))

    def follows(self, intent: Intent, pipeline: PipelineRow) -> Receipt:
        return self._acting.accepted(
            intent, message=f"pipeline {pipeline.id}", operation=f"{PIPELINE}:{project_of(intent)}:{pipeline.id}"
        )

    async def _play(self, intent: Intent, target: Deployment, variables: list[dict[str, str]]) -> Receipt:
        row = await self._acting.read(intent, target)
        if row.is_external:
            raise Refused(reasons.EXTERNAL + ".", remedy="Deploy it from where it was made.")
        if row.job is None:
            raise Refused(reasons.NO_JOB, remedy="Run it on GitLab's own page.")
        lacking = decode.missing(row)
        if decode.word(row) == "blocked" and lacking:
            are = "approvals are" if lacking != 1 else "approval is"
            raise Refused(f"Deployment {row.id} cannot be deployed yet: {lacking} {are} missing.", remedy="Approve it.")
        if row.job.status not in ("manual", "scheduled"):
            raise Refused(f"Deployment {row.id} waits for nobody any more: it is {decode.word(row)}.")
        body = {"job_variables_attributes": variables} if variables else {}
        await self._acting.send(intent, Call("POST", job_path(intent, row.job, "play"), body))
        return self._acting.accepted(intent, deployment=self._acting.ref(row.id))

    def waiting(self, intent: Intent) -> Deployment | None:
        """The manual deployment that a deploy without a ref means."""
        only(intent, _DEPLOY_OPTIONS)
        if option(intent, "ref"):
            return None
        meant = intent.deployment or intent.service.latest
        return meant if meant is not None and meant.status_raw in ("manual", "blocked") else None

    def _pipeline_call(self, intent: Intent, ref: str, variables: list[dict[str, str]]) -> Call:
        body: dict[str, object] = {"ref": ref}
        if variables:
            body["variables"] = variables
        return Call("POST", f"{path_of(intent)}/pipeline", body)

    async def progress(self, project: int, pipeline: int) -> Progress:
        row = await self._acting.api.one(f"projects/{project}/pipelines/{pipeline}", PipelineRow)
        status = (row.status or "unknown").replace("_", " ")
        if status == "manual":
            return Progress(ok=True, message=f"pipeline {pipeline} waits for a manual job: deploy it")
        return Progress(ok=_ENDED.get(status), message=f"pipeline {pipeline} is {status}")

    # -- cancel -------------------------------------------------------------------------------------------------

    def _cancel_effect(self, intent: Intent) -> Effect:
        only(intent, _CANCEL_OPTIONS)
        target = self._acting.target(intent)
        row = self._acting.known(intent, target)
        call, whole = _cancel_call(intent, target, row)
        stays = "What serves now goes on serving; what the job did already is not undone."
        if row is not None and row.is_external:
            return self._acting.effect(
                call,
                f"Marks {named(target)} of {where(intent)} as canceled.",
                "It was made through the API: whatever carries it out is not stopped.",
            )
        if whole:
            return self._acting.effect(
                call,
                f"Cancels the whole pipeline of {named(target)} of {where(intent)}.",
                "Every job of it ends, those of other environments too.",
                stays,
                danger=Danger.TYPE,
            )
        return self._acting.effect(call, f"Cancels the job of {named(target)} of {where(intent)}.", stays)

    async def _cancel(self, intent: Intent) -> Receipt:
        only(intent, _CANCEL_OPTIONS)
        target = self._acting.target(intent)
        row = await self._acting.read(intent, target)
        call, whole = _cancel_call(intent, target, row)
        try:
            await self._acting.send(intent, call)
        except NotFound as error:
            if whole or row.is_external:
                raise
            raise Refused(
                f"{error.message.rstrip('.')}: the job of deployment {row.id} cannot be canceled on its own.",
                remedy="Cancel its whole pipeline, with the option pipeline=yes.",
            ) from error
        except Forbidden as error:
            if error.scope:
                raise
            raise Forbidden(
                error.message,
                remedy="The job of an outdated deployment cannot be canceled where the project prevents those.",
            ) from error
        return self._acting.accepted(intent, deployment=self._acting.ref(row.id))


def _cancel_call(intent: Intent, target: Deployment, row: DeploymentRow | None) -> tuple[Call, bool]:
    """(the request, whether it cancels the whole pipeline). Trigger jobs are canceled with their pipeline."""
    job = row.job if row is not None else None
    whole, force = flag(intent, "pipeline"), flag(intent, "force")
    if row is not None and job is None and not row.is_external:
        raise Refused(reasons.NO_JOB, remedy="Cancel it on GitLab's own page.")
    if row is not None and row.is_external:
        if whole or force:
            raise Refused(f"Deployment {target.id} was made through the API: there is neither a job nor a pipeline.")
        return Call("PUT", f"{path_of(intent)}/deployments/{target.id}", {"status": "canceled"}), False
    trigger = job is not None and job.downstream_pipeline is not None
    if whole or trigger:
        if force:
            raise Refused("The option force is for a job, not for a pipeline.", remedy="Give one of them.")
        pipeline = job.pipeline if job is not None else None
        if job is not None and pipeline is None:
            raise Refused(f"GitLab does not say which pipeline deployment {target.id} is of.")
        number = pipeline.id if pipeline is not None else ":pipeline_id"
        return Call("POST", f"{path_of(intent)}/pipelines/{number}/cancel"), True
    return Call("POST", job_path(intent, job, "cancel"), {"force": True} if force else {}), False


def newest_run(row: DeploymentRow, rows: Iterable[DeploymentRow]) -> DeploymentRow:
    """Return the newest run of a row's job on its commit, which is the row itself if that was not run again."""
    job = row.job
    if job is None:
        return row
    chain = [
        each
        for each in rows
        if each.id >= row.id
        and each.sha == row.sha
        and each.job is not None
        and each.job.name == job.name
        and each.job.status not in _NEVER_RAN
        and each.job.failure_reason != _REJECTED
    ]
    return max([row, *chain], key=lambda each: each.id)


def ref_of(intent: Intent) -> str:
    """The ref for a new pipeline: what was asked for, else that of the deployment that is meant."""
    if ref := option(intent, "ref"):
        if any(each.isspace() or ord(each) < 32 for each in ref) or ref.startswith("-"):
            raise Refused(f"{ref[:60]!r} is not a branch or tag.")
        return ref
    meant = intent.deployment or intent.service.live or intent.service.latest
    if meant is not None and meant.revision is not None and meant.revision.branch:
        return meant.revision.branch
    raise Refused(f"It is not known which branch {where(intent)} is deployed from.", remedy="Give the option ref.")


def _variables(intent: Intent) -> list[dict[str, str]]:
    """A comma in a value is written `\\,`."""
    text = option(intent, "variables")
    found: list[dict[str, str]] = []
    for part in re.split(r"(?<!\\),", text) if text else ():
        key, sign, value = part.strip().partition("=")
        if not sign or not _KEY.fullmatch(key):
            raise Refused("The option variables is KEY=VALUE,KEY=VALUE.", remedy="Keys are letters, digits and _.")
        found.append({"key": key, "value": value.replace("\\,", ",")})
    return found
