"""The server's version, the caller, groups, projects and their commits."""

from __future__ import annotations

from starlette.responses import Response

from tui.demo.clock import MINUTE
from tui.demo.entities import Deployment
from tui.demo.gitlab.call import Call
from tui.demo.gitlab.errors import not_found
from tui.demo.gitlab.site import Project, groups

VERSION, OLD_VERSION = "19.4.0-ee", "12.10.14-ee"


def version(call: Call) -> Response:
    return call.json({"version": OLD_VERSION if call.old else VERSION, "revision": "4e8a2c5d1f0"})


def metadata(call: Call) -> Response:
    kas = {"enabled": False, "externalUrl": None, "version": None}
    return call.json({"version": VERSION, "revision": "4e8a2c5d1f0", "kas": kas, "enterprise": True})


def token(call: Call) -> Response:
    one = call.token
    return call.json(
        {
            "id": 71,
            "name": one.name,
            "revoked": False,
            "scopes": list(one.scopes),
            "user_id": call.render.user(one.person)["id"],
            "active": True,
            "created_at": "2026-01-05T09:00:00.000Z",
            "expires_at": "2026-12-31",
        }
    )


def user(call: Call) -> Response:
    return call.json({**call.render.user(call.token.person), "email": call.token.person.email, "is_admin": False})


def all_groups(call: Call) -> Response:
    return call.page(groups(call.world), lambda row: call.render.group(*row))


def group(call: Call) -> Response:
    return call.json(call.render.group(*_group(call)))


def group_projects(call: Call) -> Response:
    """Those of its own, unless those of the groups within are asked for too."""
    _, path = _group(call)
    within = call.flag("include_subgroups")
    rows = [
        one
        for one in call.site.projects
        if one.path.rpartition("/")[0] == path or (within and one.path.startswith(f"{path}/"))
    ]
    return _listed(call, rows)


def projects(call: Call) -> Response:
    rows = call.site.projects
    if call.query.get("pagination") == "keyset" and not call.old:
        rows = rows if call.query.get("sort") == "asc" else rows[::-1]
        return call.keyset(rows, call.render.project, lambda one: one.id)
    return _listed(call, rows)


def _listed(call: Call, rows: list[Project]) -> Response:
    if search := call.query.get("search"):
        rows = [one for one in rows if search.lower() in one.name.lower()]
    if call.query.get("order_by", "id") in ("name", "path"):
        rows = sorted(rows, key=lambda one: one.path)
    return call.page(rows, call.render.project)


def project(call: Call) -> Response:
    return call.json(call.render.project(call.project()))


def _group(call: Call) -> tuple[int, str]:
    key = call.place["id"]
    found = next((row for row in groups(call.world) if key == str(row[0]) or key.lower() == row[1]), None)
    if found is None:
        raise not_found("Group")
    return found


# commits


def commits(call: Call) -> Response:
    """Newest first, each once: those of one branch."""
    project_ = call.project()
    ref = call.query.get("ref_name", "main")
    rows = [one for one in _first_deployments(project_) if one.commit.branch == ref]
    return call.page(rows, lambda one: call.render.commit(one.commit, one.created_at - 4 * MINUTE), counts=False)


def commit(call: Call) -> Response:
    one = _find(call.project(), call.place["sha"])
    return call.json(call.render.commit(one.commit, one.created_at - 4 * MINUTE))


def compare(call: Call) -> Response:
    """What `to` has that `from` has not, oldest first; nothing the other way round."""
    project_ = call.project()
    start, end = _find(project_, call.required("from")), _find(project_, call.required("to"))
    between = [
        one
        for one in reversed(_first_deployments(project_))
        if start.created_at < one.created_at <= end.created_at and one.commit.branch == end.commit.branch
    ]
    rows = [call.render.commit(one.commit, one.created_at - 4 * MINUTE) for one in between]
    return call.json(
        {
            "commit": rows[-1] if rows else None,
            "commits": rows,
            "diffs": [],
            "compare_timeout": False,
            "compare_same_ref": start is end,
            "web_url": f"{call.render.web(project_)}/-/compare/{start.commit.sha}...{end.commit.sha}",
        }
    )


def _first_deployments(project_: Project) -> list[Deployment]:
    """The first deployment of each commit, newest first."""
    seen: dict[str, Deployment] = {}
    for one in project_.deployments:
        seen.setdefault(one.commit.sha, one)
    return list(reversed(seen.values()))


def _find(project_: Project, ref: str) -> Deployment:
    """By a commit's sha or the beginning of it, or by a branch."""
    rows = _first_deployments(project_)
    for one in rows:
        if one.commit.branch == ref or (len(ref) >= 7 and one.commit.sha.startswith(ref)):
            return one
    raise not_found("Commit")
