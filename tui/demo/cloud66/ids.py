"""The ids that Cloud 66 gives to what is in the world: 32 hex digits for a stack, whole numbers for the rest."""

from __future__ import annotations

from hashlib import blake2b

from tui.demo.entities import Deployment, Project, Service


def stack_uid(service: Service) -> str:
    return _hex("stack", service.id, size=16)


def account_id(project: Project) -> int:
    return int(_hex("account", project.id, size=2), 16) + 1000


def deployment_id(one: Deployment) -> str:
    return str(deployment_number(one))


def deployment_number(one: Deployment) -> int:
    """Rises from one of a stack's deployments to the next."""
    return (int(one.service.tag, 16) % 9_000_000 + 1_000_000) * 1000 + one.number


def operation_uid(*parts: object) -> str:
    return _hex("operation", *parts, size=11)


def server_uid(service: Service, number: int) -> str:
    return _hex("server", service.id, number, size=16)


def container_uid(service: Service, name: str) -> str:
    return _hex("container", service.id, name, size=32)


def _hex(*parts: object, size: int) -> str:
    return blake2b("\0".join(map(str, parts)).encode(), digest_size=size).hexdigest()
