"""What can be asked of Cloud 66 without changing anything."""

from __future__ import annotations

from tui.demo.clock import DAY, rfc3339
from tui.demo.cloud66 import ids, words
from tui.demo.cloud66.asking import Asked, Listed, Wire, not_found
from tui.demo.cloud66.side import Action
from tui.demo.cloud66.tokens import SECRET_SCRIPT
from tui.demo.entities import Deployment, Project
from tui.demo.scripts import Line

_ALERTS = ("stack_provisioned_success", "stack_redeploy_success", "stack_redeploy_failed", "server_stopped")
SEVERITIES = {"debug": 1, "info": 2, "warn": 4, "error": 5}  # of the operation log; the push channel has others


def ping(_asked: Asked) -> Wire:
    return {"ok": True, "message": ""}


def accounts(asked: Asked) -> Listed:
    return Listed([_account(asked, project) for project in asked.world.estate("cloud66").projects])


def account(asked: Asked) -> Wire:
    for project in asked.world.estate("cloud66").projects:
        if str(ids.account_id(project)) == asked.path["id"]:
            more = {"current_account": True, "friendly_name": project.name, "unmanaged_servers": []}
            return {
                **_account(asked, project),
                **more,
                "server_registration_script": f"curl -sSL https://c66.example/{SECRET_SCRIPT} | bash",
                "configstore_namespace": project.id,
            }
    raise not_found("Account")


def _account(asked: Asked, project: Project) -> Wire:
    return {
        "id": ids.account_id(project),
        "owner": "ops@acme.example",
        "created_at_iso": words.iso(project.created_at),
        "updated_at_iso": words.iso(project.created_at + DAY),
        "stack_count": sum(one.environment.project is project for one in asked.services),
        "used_clouds": ["digitalocean"],
    }


def stacks(asked: Asked) -> Listed:
    found = [words.stack(one, asked.side) for one in asked.services]
    for name in ("name", "environment", "git_repo", "git_branch"):
        if wanted := asked.text(f"filter_{name}"):
            key = {"git_repo": "git"}.get(name, name)
            found = [one for one in found if wanted.lower() in str(one.get(key) or "").lower()]
    if found and not asked.given.get("filter_name"):
        found.append(words.cluster(found[0]["account_id"], "lighthouse"))
    return Listed(found)


def stack(asked: Asked) -> Wire:
    service = asked.stack()
    shown = words.stack(service, asked.side)
    if asked.text("show_log") == "true":
        lines = service.recent[0].build_lines(asked.world.now)
        shown["last_log"] = lines[-1].text if lines else None
    return shown


def deployments(asked: Asked) -> Listed:
    return Listed([words.deployment(one) for one in asked.stack().deployments])


def deployment(asked: Asked) -> Wire:
    return words.deployment(asked.deployment())


def actions(asked: Asked) -> Listed:
    found = asked.side.actions.get(asked.stack().id, [])
    if "user_reference" in asked.given:
        found = [one for one in found if one.reference == asked.text("user_reference")]
    return Listed([words.action(one, asked.world.now) for one in found])


def action(asked: Asked) -> Wire:
    for one in asked.side.actions.get(asked.stack().id, []):
        if str(one.id) == asked.path["id"]:
            return words.action(one, asked.world.now)
    raise not_found("Action")


def services(asked: Asked) -> Listed:
    return Listed(words.services(asked.stack(), asked.side))


def service(asked: Asked) -> Wire:
    for one in words.services(asked.stack(), asked.side):
        if one["name"] == asked.path["name"]:
            return one
    raise not_found("Service")


def containers(asked: Asked) -> Listed:
    found = words.containers(asked.stack(), asked.side)
    for name in ("server_uid", "service_name"):
        if wanted := asked.text(name):
            found = [one for one in found if one[name] == wanted]
    return Listed(found)


def container(asked: Asked) -> Wire:
    for one in words.containers(asked.stack(), asked.side):
        if one["uid"] == asked.path["id"]:
            return words.inspected(one)
    raise not_found("Container")


def processes(asked: Asked) -> Listed:
    return Listed(words.processes(asked.stack(), asked.side))


def servers(asked: Asked) -> Listed:
    return Listed(words.servers(asked.stack()))


def server(asked: Asked) -> Wire:
    for one in words.servers(asked.stack()):
        if one["uid"] == asked.path["id"]:
            return one
    raise not_found("Server")


def notifications(asked: Asked) -> Listed:
    asked.stack()
    rows = [{"alert_name": f"noticent_{name}", "subscriptions": [{"channel": "email"}]} for name in _ALERTS]
    return Listed(rows, paged=False)


def variants(asked: Asked) -> Listed:
    service = asked.stack()
    return Listed(
        [
            {
                "id": ids.deployment_number(one),
                "uid": one.id[:12],
                "variant_type": "active",
                "git_hash": one.commit.sha[:12],
                "created_at": words.iso(one.created_at),
                "percentage": 100,
            }
            for one in service.active[:1]
        ],
        paged=False,
    )


def operation_logs(asked: Asked) -> Listed:
    """Of a deployment, or of an action without one, whose log is short."""
    least = int(asked.text("min_severity") or 0)
    rows = [row for row in _log(asked) if row["v"] >= least]
    if asked.text("include_children") != "true":
        rows = [row for row in rows if row["e"] == 0]
    return Listed(rows)


def _log(asked: Asked) -> list[Wire]:
    uid = asked.path["uid"]
    for service in asked.services:
        for one in service.deployments:
            if ids.operation_uid(one.id) == uid:
                return _of_deployment(one, asked.world.now, uid)
        for action in asked.side.actions.get(service.id, []):
            if ids.operation_uid(action.id) == uid:
                return _of_action(action, asked.world.now)
    raise not_found("Operation")


def _of_deployment(one: Deployment, now: int, uid: str) -> list[Wire]:
    begin = {"v": 3, "m": "Starting deployment", "t": rfc3339(one.created_at), "s": None, "e": 0}
    rows = [begin, *(row(line) for line in one.build_lines(now))]
    if one.steps and one.steps[-1].error:
        child = {"v": 5, "m": one.steps[-1].error, "t": rfc3339(one.changed_at), "s": "health", "e": 1}
        rows.append({**child, "operation_uid": uid})
    return rows


def row(line: Line) -> Wire:
    return {"v": SEVERITIES[line.level], "m": line.text, "t": rfc3339(line.at), "s": None, "e": 0}


def _of_action(one: Action, now: int) -> list[Wire]:
    rows: list[Wire] = [{"v": 2, "m": f"Starting {one.name}", "t": rfc3339(one.started_at), "s": None, "e": 0}]
    if (finished := one.finished_at(now)) is not None:
        rows.append({"v": 3, "m": "Completed successfully", "t": rfc3339(finished), "s": None, "e": 0})
    return rows
