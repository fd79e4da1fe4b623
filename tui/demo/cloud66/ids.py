"""The ids that Cloud 66 gives to what is in the world: hex digits for stacks and their parts, numbers for the rest."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b

from tui.demo.clock import SECOND
from tui.demo.entities import Deployment, Project, Service

MILLISECOND = SECOND // 1000
_FIRST_ACTION_AT = 1_400_000_000 * SECOND  # some day in 2014


def stack_uid(service: Service) -> str:
    return _hex("stack", service.id, size=16)


def account_id(project: Project) -> int:
    return int(_hex("account", project.id, size=2), 16) + 1000


def deployment_id(one: Deployment) -> str:
    """As people see and type it."""
    return str(deployment_number(one))


def deployment_number(one: Deployment) -> int:
    """Rises from one of a stack's deployments to the next, and is no other stack's."""
    return (int(one.service.tag, 16) % 9_000_000 + 1_000_000) * 1000 + one.number


def action_number(at: int) -> int:
    """Of an action that began then: the numbers rise with time, whoever begins an action."""
    return (at - _FIRST_ACTION_AT) // MILLISECOND


def operation_uid(service: Service, what: str) -> str:
    """Of a deployment's id, or an action's. It begins with the service's tag, so that the log is soon found."""
    return service.tag + _hex("operation", what, size=7)


def server_uid(service: Service, number: int) -> str:
    return _hex("server", service.id, str(number), size=16)


def container_uid(*parts: str) -> str:
    return _hex("container", *parts, size=32)


def process_md5(service: Service, name: str) -> str:
    return _hex("process", service.id, name, size=16)


def session(one: Deployment) -> str:
    return _hex("session", one.id, size=5)


@lru_cache(maxsize=4096)
def _hex(*parts: str, size: int) -> str:
    return blake2b("\0".join(parts).encode(), digest_size=size).hexdigest()
