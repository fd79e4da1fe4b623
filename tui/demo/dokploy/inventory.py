"""Queries about the server, who asks, and what there is: projects, environments, services."""

from __future__ import annotations

from collections.abc import Callable

from tui.demo.clock import DAY, SECOND, rfc3339_ms
from tui.demo.dokploy import ids, words
from tui.demo.dokploy.asking import Asked, Refusal, not_found
from tui.demo.dokploy.details import details, domains, environment_row, project_row
from tui.demo.dokploy.words import ORGANIZATION, Wire
from tui.demo.entities import Project

VERSION = "v0.30.2"
OLD_VERSION = "v0.28.8"
SERVER = ids.nanoid("server")
_IDS = tuple(f"{type_}Id" for type_ in words.TYPES)


def health(asked: Asked) -> Wire:
    if asked.site.is_down:
        raise Refusal(500, "INTERNAL_SERVER_ERROR", "Failed query: SELECT 1\nparams: ")
    return {"status": "ok"}


def version(_asked: Asked) -> str:
    return VERSION


def old_version(_asked: Asked) -> str:
    return OLD_VERSION


def release_tag(_asked: Asked) -> str:
    return "latest"


def is_cloud(_asked: Asked) -> bool:
    return False


def log_cleanup(_asked: Asked) -> Wire:
    return {"enabled": True, "cronExpression": "0 0 * * *"}


# who asks


def organization(asked: Asked) -> Wire:
    return {
        "id": ORGANIZATION,
        "name": asked.world.estate("dokploy").workspaces[0].name,
        "slug": None,
        "logo": None,
        "createdAt": rfc3339_ms(asked.world.estate("dokploy").projects[0].created_at),
        "metadata": None,
        "defaultRole": None,
        "ownerId": ids.nanoid("user", "owner"),
    }


def organizations(asked: Asked) -> list[Wire]:
    return [{**organization(asked), "members": [_member(asked)]}]


def permissions(asked: Asked) -> Wire:
    """It knows nothing of a member's list of services."""
    every = asked.key.may_all
    return {
        "deployment": {"read": True, "create": every, "cancel": every},
        "docker": {"read": every},
        "member": {"read": every, "update": every},
        "server": {"read": every},
        "service": {"read": True, "create": every, "delete": every},
        "logs": {"read": True},
        "monitoring": {"read": every},
    }


def user(asked: Asked) -> Wire:
    person = asked.key.person
    key = {"id": ids.nanoid("key", asked.key.role), "name": "tui", "prefix": None, "enabled": True, "expiresAt": None}
    return {
        **_member(asked),
        "user": {"id": _user_id(asked), "email": person.email, "firstName": person.name, "apiKeys": [key]},
    }


def session(asked: Asked) -> Wire:
    return {"user": {"id": _user_id(asked)}, "session": {"activeOrganizationId": ORGANIZATION}}


def _member(asked: Asked) -> Wire:
    listed = [] if asked.key.may_all else [one for one in asked.site.services if asked.key.sees(one)]
    return {
        "id": ids.nanoid("member", asked.key.role),
        "organizationId": ORGANIZATION,
        "userId": _user_id(asked),
        "role": asked.key.role,
        "isDefault": True,
        "canAccessToDocker": False,
        "canAccessToAPI": True,
        "accessedProjects": [ids.nanoid("project", one.id) for one in _projects(asked)],
        "accessedServices": [ids.service_id(one) for one in listed],
    }


def _user_id(asked: Asked) -> str:
    return ids.nanoid("user", asked.key.role)


# servers


def servers(asked: Asked) -> list[Wire]:
    """One that nothing runs on, and that cannot be reached."""
    asked.needs("server")
    return [
        {
            "serverId": SERVER,
            "name": "build-eu-1",
            "description": "",
            "ipAddress": "203.0.113.7",
            "port": 22,
            "username": "root",
            "appName": "server-quantify-virtual-hard-drive-k2v9xq",
            "enableDockerCleanup": False,
            "buildsConcurrency": 1,
            "createdAt": organization(asked)["createdAt"],
            "organizationId": ORGANIZATION,
            "serverStatus": "active",
            "serverType": "deploy",
            "command": "",
            "sshKeyId": ids.nanoid("ssh-key"),
            "metricsConfig": {"server": {"type": "Remote", "port": 4500, "token": "", "refreshRate": 60}},
            "totalSum": 0,
        }
    ]


def server_deployments(asked: Asked) -> list[Wire]:
    """Return the runs of the server's setup, newest first, and nothing that was deployed on it."""
    if asked.given["serverId"] != SERVER:
        raise not_found("Server")
    made_at = asked.world.estate("dokploy").projects[0].created_at
    return [_setup(number, made_at + number * DAY) for number in reversed(range(len(_SETUPS)))]


def is_setup(deployment_id: str) -> bool:
    return any(deployment_id == _setup_id(number) for number in range(len(_SETUPS)))


_SETUPS = (("done", None), ("done", None), ("error", "connect ECONNREFUSED 203.0.113.7:22"))
_OF_NOTHING = (
    *("applicationId", "composeId", "previewDeploymentId", "scheduleId", "backupId", "volumeBackupId"),
    *("pid", "startedAt", "rollbackId", "buildServerId"),
)


def _setup_id(number: int) -> str:
    return ids.nanoid("setup", number)


def _setup(number: int, at: int) -> Wire:
    status, error = _SETUPS[number]
    return {
        "deploymentId": _setup_id(number),
        "title": "Setup Server",
        "description": "Setup Server",
        "status": status,
        "logPath": f"/etc/dokploy/logs/server-quantify-virtual-hard-drive-k2v9xq/setup-{number}.log",
        "serverId": SERVER,
        "isPreviewDeployment": False,
        "createdAt": rfc3339_ms(at),
        "finishedAt": None if error else rfc3339_ms(at + 40 * SECOND),
        "errorMessage": error,
        **dict.fromkeys(_OF_NOTHING),
    }


def no_git_providers(_asked: Asked) -> list[Wire]:
    return []


# what there is


def overview(asked: Asked) -> list[Wire]:
    return [words.overview(one, asked.site) for one in asked.seen]


def _projects(asked: Asked) -> list[Project]:
    return asked.world.estate("dokploy").projects


def projects(asked: Asked) -> list[Wire]:
    """Members see names and states of databases, too; owners their ids alone."""
    shown = []
    for one in _projects(asked):
        if asked.key.may_all:
            environments = [words.thin_environment(each, asked.site) for each in one.environments]
        else:
            keys = ("name", "applicationStatus", "composeStatus", *_IDS)
            environments = [words.environment(each, asked.site, asked.key.sees, keys) for each in one.environments]
        shown.append(words.project(one, environments))
    return shown


def tree(asked: Asked) -> list[Wire]:
    """For owners and admins: all that one wants to know, and no secret."""
    asked.needs("member")
    keys = ("appName", "name", "createdAt", "description", "serverId", "applicationStatus", "composeStatus", *_IDS)
    return [
        {
            "projectId": ids.nanoid("project", one.id),
            "name": one.name,
            "environments": [words.environment(each, asked.site, asked.key.sees, keys) for each in one.environments],
        }
        for one in _projects(asked)
    ]


def project(asked: Asked) -> Wire:
    one = _project(asked)
    if one is None:
        raise not_found("Project")
    rows = [
        words.environment(each, asked.site, asked.key.sees, None, environment_row(each)) for each in one.environments
    ]
    return words.project(one, rows)


def environments(asked: Asked) -> list[Wire]:
    one = _project(asked)
    rows = [] if one is None else one.environments
    return [
        words.environment(
            each,
            asked.site,
            asked.key.sees,
            None,
            {"description": environment_row(each)["description"], "project": project_row(each.project)},
        )
        for each in rows
    ]


def environment(asked: Asked) -> Wire:
    """Without names of apps."""
    keys = (
        "name",
        "createdAt",
        "applicationStatus",
        "composeStatus",
        "description",
        "serverId",
        "icon",
        "server",
        *_IDS,
    )
    for one in asked.world.estate("dokploy").environments:
        if ids.nanoid("environment", one.id) == asked.given["environmentId"]:
            row = environment_row(one)
            more = {name: row[name] for name in ("description", "projectId", "env")}
            more["project"] = project_row(one.project)
            return words.environment(one, asked.site, asked.key.sees, keys, more)
    raise not_found("Environment")


def home(asked: Asked) -> Wire:
    types = [ids.type_of(one) for one in asked.seen]
    states = [words.status(one, asked.site) for one in asked.seen]
    return {
        "projects": len(_projects(asked)),
        "environments": len(asked.world.estate("dokploy").environments),
        "applications": types.count("application"),
        "compose": types.count("compose"),
        "databases": sum(type_ in ids.DATABASES for type_ in types),
        "services": len(types),
        "status": {
            "running": states.count("done") + states.count("running"),
            "error": states.count("error"),
            "idle": states.count("idle"),
        },
    }


def _project(asked: Asked) -> Project | None:
    wanted = asked.given["projectId"]
    return next((one for one in _projects(asked) if ids.nanoid("project", one.id) == wanted), None)


def one_of(type_: str) -> Callable[[Asked], Wire]:
    return lambda asked: details(asked.service(type_), asked.site)


def domains_of(type_: str) -> Callable[[Asked], list[Wire]]:
    return lambda asked: domains(asked.service(type_))


def compose_services(asked: Asked) -> list[str]:
    asked.service("compose")
    return ["web", "db"]
