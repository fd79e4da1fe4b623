"""Dokploy's ids, 21 characters of nanoid, and the names it gives to what it runs."""

from __future__ import annotations

from hashlib import blake2b

from tui.demo.clock import rfc3339_ms
from tui.demo.entities import Deployment, Service

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-"
_LETTERS = bytes(ord(_ALPHABET[byte & 63]) for byte in range(256))
_SMALL = bytes(ord("0123456789abcdefghijklmnopqrstuvwxyz"[byte % 36]) for byte in range(256))
DATABASES = ("postgres", "redis", "mysql", "mariadb", "mongo", "libsql")


def nanoid(*parts: object) -> str:
    digest = blake2b("\0".join(map(str, parts)).encode(), digest_size=21).digest()
    return digest.translate(_LETTERS).decode()


def deployment_id(one: Deployment) -> str:
    return nanoid("deployment", one.id)


def service_id(service: Service) -> str:
    return nanoid("service", service.id)


def rollback_id(one: Deployment) -> str:
    return nanoid("rollback", one.id)


def type_of(service: Service) -> str:
    """application, compose (a stack is one, too), or the database that its image is."""
    if service.kind:
        return "compose" if service.kind == "stack" else service.kind
    image = (service.image or "").partition(":")[0]
    return image if image in DATABASES else "application"


def app_name(service: Service) -> str:
    """With six characters at random; only whoever copied a service gave the copy the first one's name and more."""
    environment = service.environment
    first = environment.project.environments[0]
    if environment is not first:
        model = next((one for one in first.services if one.name == service.name), None)
        if model is not None:
            return f"{app_name(model)}-{environment.name}"
    suffix = nanoid("app", service.id).lower().replace("_", "x").replace("-", "y")[:6]
    return f"{environment.project.name}-{service.name}-{suffix}"


def log_path(one: Deployment) -> str:
    """Named by the local time of the start, colons and all."""
    name, stamp = app_name(one.service), rfc3339_ms(started_at(one))[:19].replace("T", ":")
    return f"/etc/dokploy/logs/{name}/{name}-{stamp}.log"


def started_at(one: Deployment) -> int:
    """A row begins when its job turns active."""
    return one.created_at if one.build is None else max(one.created_at, one.build[0])


def container_id(one: Deployment, number: int, turn: object = 0) -> str:
    """`turn`: which of the containers that the deployment has had in this place, by its number."""
    return blake2b(f"container\0{one.id}\0{number}\0{turn}".encode(), digest_size=6).hexdigest()


def task_id(one: Deployment, number: int, turn: object) -> str:
    """25 small letters and digits."""
    digest = blake2b(f"task\0{one.id}\0{number}\0{turn}".encode(), digest_size=25).digest()
    return digest.translate(_SMALL).decode()
