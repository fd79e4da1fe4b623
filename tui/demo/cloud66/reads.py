"""What can be asked of Cloud 66 without changing anything."""

from __future__ import annotations

from collections.abc import Iterable

from tui.demo.clock import rfc3339
from tui.demo.cloud66 import ids, narration, parts, states, words
from tui.demo.cloud66.asking import Asked, Bare, Listed, Wire, not_found
from tui.demo.cloud66.narration import Told
from tui.demo.cloud66.tokens import SECRET_SCRIPT
from tui.demo.entities import Service

_ALERTS = (
    "stack_provisioned_success",
    "stack_provisioned_failed",
    "stack_redeploy_success",
    "stack_redeploy_failed",
    "server_stopped",
    "server_back",
)
_FILTERS = ("filter_name", "filter_environment", "filter_git_repo", "filter_git_branch")


def ping(_asked: Asked) -> Wire:
    return {"ok": True, "message": ""}


def accounts(asked: Asked) -> Listed:
    return Listed([_account(asked, id_) for id_ in _stacks_by_account(asked)])


def account(asked: Asked) -> Wire:
    if (id_ := asked.path["id"]) not in _stacks_by_account(asked):
        raise not_found("Account")
    project = _stacks_by_account(asked)[id_][0].environment.project
    servers = [{"id": "i-0c66", "name": "spare-1", "vendor": "aws"}] if asked.text("include_servers") == "true" else []
    return {
        **_account(asked, id_),
        "current_account": True,
        "friendly_name": project.name,
        "unmanaged_servers": servers,
        "server_registration_script": f"curl -sSL https://get.c66.example/{SECRET_SCRIPT} | bash",
        "configstore_namespace": project.id,
    }


def _account(asked: Asked, id_: str) -> Wire:
    stacks_ = _stacks_by_account(asked)[id_]
    return words.account(stacks_[0].environment.project, len(stacks_))


def _stacks_by_account(asked: Asked) -> dict[str, list[Service]]:
    found: dict[str, list[Service]] = {}
    for one in asked.services:
        found.setdefault(str(ids.account_id(one.environment.project)), []).append(one)
    return found


# stacks


def stacks(asked: Asked) -> Listed:
    """The world's services, and a cluster where nothing is filtered."""
    found = [one for one in asked.services if _passes(asked, one)]
    rows: list[Service | None] = [*found]
    if found and not any(asked.text(name) for name in _FILTERS):
        rows.append(None)

    def word(one: Service | None) -> Wire:
        return words.cluster(found[0].environment.project) if one is None else words.stack(one, asked.side)

    return Listed(rows, word)


def _passes(asked: Asked, one: Service) -> bool:
    docker = states.is_docker(one)
    has = {
        "filter_name": one.name,
        "filter_environment": one.environment.name,
        "filter_git_repo": "" if docker else one.repo or "",
        "filter_git_branch": "" if docker else states.head(one).commit.branch,
    }
    return all(asked.text(name).lower() in value.lower() for name, value in has.items())


def stack(asked: Asked) -> Wire:
    if asked.stack_uid == words.CLUSTER_UID and asked.services:
        return words.cluster(asked.services[0].environment.project)
    service = asked.stack()
    shown = words.stack(service, asked.side)
    if asked.text("show_log") == "true":
        shown["last_log"] = narration.of_deployment(service.recent[0], asked.world.now)[-1].text
    return shown


# deployments and actions


def deployments(asked: Asked) -> Listed:
    return Listed(asked.stack().deployments, words.deployment)


def deployment(asked: Asked) -> Wire:
    return words.deployment(asked.deployment())


def actions(asked: Asked) -> Listed:
    service, now = asked.stack(), asked.world.now
    found = asked.side.actions(service)
    if reference := asked.text("user_reference"):
        found = [one for one in found if one.reference == reference]
    return Listed(found, lambda one: words.action(one, now))


def action(asked: Asked) -> Wire | Bare:
    """Without `.json` it comes without its envelope, as the documentation prints it; the Go client, which always asks
    with `.json`, always finds one.
    """
    for one in asked.side.actions(asked.stack()):
        if str(one.id) == asked.path["id"]:
            shown = words.action(one, asked.world.now)
            return shown if asked.suffixed else Bare(shown)
    raise not_found("Action")


# what is in a stack


def services(asked: Asked) -> Listed:
    found = parts.services(asked.stack(), asked.side)
    if wanted := asked.text("server_uid"):
        for one in found:
            one["containers"] = [each for each in one["containers"] if each["server_uid"] == wanted]
    return Listed(found)


def service(asked: Asked) -> Wire:
    return _named(parts.services(asked.stack(), asked.side), "name", asked.path["name"], "Service")


def containers(asked: Asked) -> Listed:
    found = parts.containers(asked.stack(), asked.side)
    for name in ("server_uid", "service_name"):
        if wanted := asked.text(name):
            found = [one for one in found if one[name] == wanted]
    return Listed(found)


def container(asked: Asked) -> Wire:
    return parts.inspected(_named(parts.containers(asked.stack(), asked.side), "uid", asked.path["id"], "Container"))


def processes(asked: Asked) -> Listed:
    return Listed(parts.processes(asked.stack(), asked.side))


def servers(asked: Asked) -> Listed:
    return Listed(parts.servers(asked.stack(), with_keys=_wants_keys(asked)))


def server(asked: Asked) -> Wire:
    return _named(parts.servers(asked.stack(), with_keys=_wants_keys(asked)), "uid", asked.path["id"], "Server")


def _wants_keys(asked: Asked) -> bool:
    return asked.text("include_private_key") == "1"


def notifications(asked: Asked) -> Listed:
    """Who is told of what; not what happened."""
    asked.stack()
    rows = [{"alert_name": f"noticent_{name}", "subscriptions": [{"channel": "email"}]} for name in _ALERTS]
    return Listed(rows, paged=False)


def variants(asked: Asked) -> Listed:
    """Only ever the active one: no rollout here stops half way."""
    one = states.serving(asked.stack())
    row = one and {
        "id": ids.deployment_number(one),
        "uid": one.id[:12],
        "variant_type": "active",
        "git_hash": one.commit.sha[:12],
        "created_at": words.iso(one.created_at),
        "percentage": 100,
    }
    return Listed([row] if row else [], paged=False)


def _named(rows: Iterable[Wire], key: str, wanted: str, what: str) -> Wire:
    for one in rows:
        if one[key] == wanted:
            return one
    raise not_found(what)


# operation logs


def operation_logs(asked: Asked) -> Listed:
    """Of the operation itself; those of its children only where `include_children` is true."""
    uid, least = asked.path["uid"], asked.number("min_severity", 0)
    rows = [_row(one, uid) for one in _told(asked, uid)]
    if asked.text("include_children") != "true":
        rows = [row for row in rows if row["e"] == 0]
    return Listed([row for row in rows if row["v"] >= least])


def _told(asked: Asked, uid: str) -> list[Told]:
    now = asked.world.now
    for service in asked.services:
        if not uid.startswith(service.tag):
            continue
        for one in service.deployments:
            if ids.operation_uid(service, one.id) == uid:
                return narration.of_deployment(one, now)
        for action_ in asked.side.ordered(service):
            if ids.operation_uid(service, str(action_.id)) == uid:
                return narration.of_action(action_, now)
    raise not_found("Operation")


def _row(one: Told, uid: str) -> Wire:
    severity = narration.IN_OPERATION_LOGS[one.level]
    row = {"v": severity, "m": one.text, "t": rfc3339(one.at), "s": one.source or None, "e": 1 if one.source else 0}
    return row | {"operation_uid": uid} if one.source else row
