"""The deployments of a project."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import parsedate_to_datetime

from starlette.responses import Response

from tui.demo import lifecycle
from tui.demo.cast import Commit
from tui.demo.clock import parse_rfc3339, rfc3339_ms
from tui.demo.entities import Deployment, Phase
from tui.demo.gitlab.approvals import APPROVED, REJECTED, RULES, Approval
from tui.demo.gitlab.call import Call
from tui.demo.gitlab.errors import bad_parameter, bad_record, bad_request, forbidden, no_route, said
from tui.demo.gitlab.ids import deployment_number
from tui.demo.gitlab.render import tier
from tui.demo.gitlab.site import Project
from tui.demo.gitlab.states import STATUSES, deployment_status, finished_at, newest_success, settled, updated_at
from tui.demo.world import Denied

_TOLD = {
    "created": Phase.QUEUED,
    "running": Phase.BUILDING,
    "success": Phase.LIVE,
    "failed": Phase.FAILED,
    "canceled": Phase.REMOVED,
}
_ORDERS: dict[str, Callable[[Deployment], tuple[int | str, int]]] = {
    "id": lambda one: (deployment_number(one), 0),
    "iid": lambda one: (deployment_number(one), 0),
    "created_at": lambda one: (deployment_number(one), 0),
    "updated_at": lambda one: (updated_at(one), deployment_number(one)),
    "finished_at": lambda one: (finished_at(one) or 0, deployment_number(one)),
    "ref": lambda one: (one.commit.branch, deployment_number(one)),
}
_OLD_ORDERS = ("id", "iid", "created_at", "updated_at", "ref")


def listed(call: Call) -> Response:
    project = call.project()
    order = call.choice("order_by", _OLD_ORDERS if call.old else tuple(_ORDERS), "id")
    sort = call.choice("sort", ("asc", "desc"), "asc")
    after, before = call.time("updated_after"), call.time("updated_before")
    rows = project.deployments
    if not call.old:
        rows = _narrowed(call, rows, order, updated=after is not None or before is not None)
    rows = [
        one
        for one in rows
        if (after is None or updated_at(one) >= after) and (before is None or updated_at(one) <= before)
    ]
    rows.sort(key=_ORDERS[order], reverse=sort == "desc")
    return call.page(rows, lambda one: call.render.deployment(one, project))


def _narrowed(call: Call, rows: list[Deployment], order: str, *, updated: bool) -> list[Deployment]:
    """By what an old server does not know: environment, status and finish."""
    status = call.choice("status", STATUSES)
    environment = call.text("environment")
    after, before = call.time("finished_after"), call.time("finished_before")
    finished = after is not None or before is not None
    if updated and finished:
        raise bad_request("Both `updated_at` filter and `finished_at` filter can not be specified")
    if finished != (order == "finished_at"):
        raise bad_request("`finished_at` filter and `finished_at` sorting must be paired")
    if finished and status != "success":
        raise bad_request("`finished_at` filter must be combined with `success` status filter.")
    if environment is not None:
        rows = [one for one in rows if one.service.environment.name == environment]
    if status:
        rows = [one for one in rows if deployment_status(one) == status]
    if finished:
        rows = [
            one
            for one in rows
            if (after is None or (finished_at(one) or 0) >= after)
            and (before is None or (finished_at(one) or 0) < before)
        ]
    return rows


def shown(call: Call) -> Response:
    project, one = call.deployment()
    return call.json(call.render.deployment_alone(one, project, call.server.approvals))


def created(call: Call) -> Response:
    project = call.project()
    name, sha, ref = call.required("environment"), call.required("sha"), call.required("ref")
    call.required("tag")
    status = call.choice("status", tuple(_TOLD) if call.old else tuple(_TOLD)[1:])
    if not status:
        raise bad_parameter("status is missing")
    branches = {one.commit.branch for one in project.deployments} | {"main"}
    if ref not in branches:
        raise bad_record(ref=["The branch or tag does not exist"])
    if len(sha) != 40 or any(letter not in "0123456789abcdef" for letter in sha):
        raise bad_record(sha=["The commit does not exist"])
    service = next((one for one in project.services if one.environment.name == name), None)
    if service is None:
        service = call.site.add_environment(project, name)
        project = call.project()
    known = next((one.commit for one in project.deployments if one.commit.sha == sha), None)
    commit = known or Commit(sha, "Deployed by something else", call.token.person, ref)
    one = lifecycle.record(call.world, service, commit, call.token.person, _TOLD[status])
    return call.json(call.render.deployment_alone(one, project, call.server.approvals), 201)


def updated(call: Call) -> Response:
    project, one = call.deployment()
    status = call.choice("status", tuple(_TOLD) if call.old else tuple(_TOLD)[1:])
    if not status:
        raise bad_parameter("status is missing")
    if not one.external:
        raise forbidden("Deployments created using GitLab CI can not be updated using the API")
    if deployment_status(one) != status:
        lifecycle.set_status(call.world, one, _TOLD[status])
    return call.json(call.render.deployment_alone(one, project, call.server.approvals))


def deleted(call: Call) -> Response:
    call.maintainers_only()
    _, one = call.deployment()
    if (since := call.headers.get("if-unmodified-since")) is not None and _touched(one, since):
        raise said(412, "412 Precondition Failed")
    if not settled(deployment_status(one)):
        raise said(400, "Cannot destroy running deployment")
    if one is newest_success(one.service):
        raise said(400, "Deployment currently deployed to environment")
    lifecycle.forget(call.world, one)
    return Response(b"", 204)


def _touched(one: Deployment, since: str) -> bool:
    try:
        limit = parsedate_to_datetime(since).isoformat()
        return updated_at(one) // 10**9 > parse_rfc3339(limit) // 10**9
    except ValueError:
        return False


def merge_requests(call: Call) -> Response:
    """What was merged since the deployment before; only where an environment is followed."""
    project, one = call.deployment()
    if tier(one.service.environment.name) not in ("production", "staging"):
        return call.page([], str)
    number = one.number + 100
    row = {
        "id": deployment_number(one) + 7,
        "iid": number,
        "project_id": project.id,
        "title": one.commit.message.partition("\n")[0],
        "state": "merged",
        "target_branch": one.commit.branch,
        "source_branch": f"change-{number}",
        "merged_at": rfc3339_ms(one.created_at),
        "created_at": rfc3339_ms(one.created_at - 86_400 * 10**9),
        "author": call.render.user(one.commit.author),
        "sha": one.commit.sha,
        "web_url": f"{call.render.web(project)}/-/merge_requests/{number}",
    }
    rows = (
        [row]
        if call.choice("state", ("opened", "closed", "locked", "merged", "all"), "all")
        in (
            "all",
            "merged",
        )
        else []
    )
    return call.page(rows, lambda each: each)


def approval(call: Call) -> Response:
    if not call.server.approvals:
        raise no_route()
    _, one = call.deployment()
    status = call.required("status")
    if status not in (APPROVED, REJECTED):
        raise said(400, "Unrecognized approval status.")
    given = call.site.approvals.setdefault(one.id, [])
    if one.phase is not Phase.NEEDS_APPROVAL:
        if not given:
            raise said(400, _unguarded(one))
        raise said(400, "This deployment is not waiting for approvals.")
    if call.token.person == one.creator:
        raise said(
            400,
            "You cannot approve your own deployment. This configuration can be adjusted in the protected environment "
            "settings.",
        )
    mine = [rule.name for rule in RULES if rule.lets(call.token)]
    if (represented := call.text("represented_as")) is not None:
        if represented not in [rule.name for rule in RULES]:
            raise said(
                400,
                "There are no approval rules for the given `represent_as` parameter. Use a valid User/Group/Role name "
                "instead.",
            )
        mine = [name for name in mine if name == represented]
    if not mine:
        raise said(
            400,
            "You don't have permission to approve this deployment. Contact the project or group owner for help.",
        )
    former = next((each for each in given if each.person == call.token.person), None)
    if former is not None and former.status == status:
        return call.json(call.render.approval(former), 201)
    if former is not None:
        given.remove(former)
    made = Approval(call.token.person, status, call.world.now, call.text("comment"), tuple(mine))
    if status == REJECTED:
        try:
            lifecycle.reject(call.world, one)
        except Denied:
            raise said(400, "This deployment is not waiting for approvals.") from None
    else:
        call.world.calls["approve", one.id] += 1  # it still waits for somebody to start its job
    given.append(made)
    return call.json(call.render.approval(made), 201)


def _unguarded(one: Deployment) -> str:
    if tier(one.service.environment.name) == "production":
        return "This deployment is not waiting for approvals."
    return "This environment is not protected."


def outdated(one: Deployment, project: Project) -> bool:
    """Whether the project forbids to run its job since something younger is deployed."""
    last = newest_success(one.service)
    return project.rollback_forbidden and last is not None and deployment_number(last) > deployment_number(one)
