"""Jobs and pipelines of a project, and what they can be told to do."""

from __future__ import annotations

from starlette.responses import Response

from tui.demo import lifecycle
from tui.demo.entities import UNDER_WAY, Deployment, Phase, Service
from tui.demo.gitlab.approvals import pending
from tui.demo.gitlab.call import Call
from tui.demo.gitlab.deployments import outdated
from tui.demo.gitlab.errors import bad_record, bad_request, forbidden, not_found
from tui.demo.gitlab.ids import STAGES, job_number
from tui.demo.gitlab.paging import whole
from tui.demo.gitlab.render import pipeline_source
from tui.demo.gitlab.site import Pipeline, Project
from tui.demo.gitlab.states import REJECTED, awaits_play, job_status, settled
from tui.demo.gitlab.trace import trace

_JOB_STATUSES = (
    "created", "waiting_for_resource", "preparing", "waiting_for_callback", "pending", "running", "success", "failed",
    "canceling", "canceled", "skipped", "manual", "scheduled",
)  # fmt: skip
_AGAIN = ("success", "failed", "canceled", "skipped")
Place = tuple[Deployment, str]


def listed(call: Call) -> Response:
    project = call.project()
    return _jobs(call, project, list(call.site.jobs(project)))


def of_pipeline(call: Call) -> Response:
    pipeline = _pipeline(call)
    rows = [(one, "deploy") for one in reversed(pipeline.runs)]
    if not call.flag("include_retried") and not call.old:
        rows = rows[:1]
    rows += [(pipeline.runs[0], stage) for stage in reversed(STAGES[:-1])]
    return _jobs(call, pipeline.project, rows[::-1] if call.old else rows)


def _jobs(call: Call, project: Project, rows: list[Place]) -> Response:
    """A list of jobs never tells how many there are."""
    wanted = call.arrays.get("scope") or ([call.query["scope"]] if "scope" in call.query else [])
    for status in wanted:
        if status not in _JOB_STATUSES:
            raise bad_record(scope=["does not have a valid value"])
    if wanted:
        rows = [row for row in rows if _status(row) in wanted]
    if call.query.get("pagination") == "keyset" and not call.old:
        if call.query.get("sort", "desc") == "asc":
            rows = rows[::-1]
        return call.keyset(rows, lambda row: call.render.job(*row, project), lambda row: job_number(*row))
    return call.page(rows, lambda row: call.render.job(*row, project), counts=False)


def _status(row: Place) -> str:
    return job_status(row[0]) if row[1] == "deploy" else "success"


def shown(call: Call) -> Response:
    project, one, stage = call.job()
    return call.json(call.render.job(one, stage, project))


def log(call: Call) -> Response:
    """The whole of it until now, whatever Range says; a part, where the server knows `byte_offset`."""
    project, one, stage = call.job()
    text = trace(one, stage, call.world.now, stamped=project.stamped and not call.old)
    if call.server.byte_offset and not call.old and ("byte_offset" in call.query or "byte_limit" in call.query):
        start = max(0, whole(call.query, "byte_offset", 0))
        text = text[start : start + max(0, whole(call.query, "byte_limit", len(text)))]
    name = f'infile; filename="{job_number(one, stage)}.log"'
    return call.answer(text, "text/plain", headers={"Content-Disposition": name})


def retried(call: Call) -> Response:
    project, one, stage = call.job()
    again = _retry(call, project, one, stage)
    return call.json(call.render.job(again, "deploy", project), 201)


def _retry(call: Call, project: Project, one: Deployment, stage: str) -> Deployment:
    if stage != "deploy" or one.id in call.site.retried or one.reason == REJECTED or job_status(one) not in _AGAIN:
        raise forbidden("Job is not retryable")
    if outdated(one, project) or call.kept_out(one.service):
        raise forbidden()
    again = _again(call, one)
    call.site.retry(one, again)
    return again


def _again(call: Call, one: Deployment) -> Deployment:
    """The world's own rules are about images, of which GitLab knows nothing: it runs any job once more."""
    world, person = call.world, call.token.person
    if one.live_from is not None and one.phase in (Phase.REMOVED, Phase.REMOVING):
        if lifecycle.can_roll_back(world, one):
            return lifecycle.roll_back(world, one, person)
        world.calls["rollback", one.id] += 1
        return lifecycle.begin(world, one.service, one.commit, "rollback", person, build=False)
    if lifecycle.can_redeploy(one):
        return lifecycle.redeploy(world, one, person)
    world.calls["redeploy", one.id] += 1
    return lifecycle.begin(world, one.service, one.commit, "redeploy", person)


def played(call: Call) -> Response:
    project, one, stage = call.job()
    if stage != "deploy" or not awaits_play(one):
        raise bad_request("Unplayable Job")
    if call.server.approvals and one.phase is Phase.NEEDS_APPROVAL and pending(call.site.approvals.get(one.id, [])):
        raise forbidden()
    if call.kept_out(one.service):
        raise forbidden()
    call.world.calls["play", one.id] += 1
    call.site.players[one.id] = call.token.person
    lifecycle.let_go(call.world, one)
    return call.json(call.render.job(one, stage, project))


def cancelled(call: Call) -> Response:
    project, one, stage = call.job()
    if call.flag("force"):
        call.maintainers_only()
    if outdated(one, project) or call.kept_out(one.service):
        raise forbidden()
    if stage == "deploy" and not awaits_play(one) and not settled(job_status(one)):
        _cancel(call, one)
    return call.json(call.render.job(one, stage, project), 201)


def _cancel(call: Call, one: Deployment) -> None:
    """At once, or after a while in which the deployment is what it was."""
    wait = call.server.cancel_takes_s
    if not wait or call.old or job_status(one) != "running":
        lifecycle.cancel(call.world, one)
    elif one.id not in call.site.canceling:
        call.site.canceling.add(one.id)
        call.world.after(wait, lambda: lifecycle.cancel(call.world, one) if one.phase in UNDER_WAY else None)


def erased(call: Call) -> Response:
    call.job()
    raise forbidden("Job is not erasable!")


# pipelines


def pipelines(call: Call) -> Response:
    project = call.project()
    rows = call.site.pipelines(project)
    if (ref := call.text("ref")) is not None:
        rows = [one for one in rows if one.runs[0].commit.branch == ref]
    if (sha := call.text("sha")) is not None:
        rows = [one for one in rows if one.runs[0].commit.sha == sha]
    if (username := call.text("username")) is not None:
        rows = [one for one in rows if one.runs[0].creator.login == username]
    if not call.old and (source := call.text("source")) is not None:
        rows = [one for one in rows if pipeline_source(one.runs[0]) == source]
    return call.page(rows, call.render.pipeline)


def pipeline(call: Call) -> Response:
    return call.json(call.render.pipeline_alone(_pipeline(call)))


def pipeline_cancelled(call: Call) -> Response:
    found = _pipeline(call)
    for one in found.runs:
        if not settled(job_status(one)):
            _cancel(call, one)
    return call.json(call.render.pipeline_alone(found), 200 if call.old else 201)


def pipeline_retried(call: Call) -> Response:
    """What failed or was cancelled in it runs again."""
    found = _pipeline(call)
    last = found.runs[-1]
    if job_status(last) in ("failed", "canceled"):
        _retry(call, found.project, last, "deploy")
        found = _pipeline(call)
    return call.json(call.render.pipeline_alone(found), 200 if call.old else 201)


def pipeline_created(call: Call) -> Response:
    project = call.project()
    ref = call.required("ref")
    service = _deployed_from(project, ref)
    if service is None:
        raise bad_record(base=["Reference not found"])
    one = lifecycle.deploy(call.world, service, call.token.person)
    made = next(each for each in call.site.pipelines(project) if each.runs[0] is one)
    return call.json(call.render.pipeline_alone(made), 201)


def _deployed_from(project: Project, ref: str) -> Service | None:
    for service in project.services:
        branches = {one.commit.branch for one in service.recent} or {"main"}
        if ref in branches:
            return service
    return None


def _pipeline(call: Call) -> Pipeline:
    found = call.site.pipeline(call.project(), call.number("pipeline_id"))
    if found is None:
        raise not_found()
    return found
