"""One call of a procedure as its handler sees it, and how it says no."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tui.demo.dokploy import ids
from tui.demo.dokploy.site import Site
from tui.demo.dokploy.tokens import Key
from tui.demo.entities import Deployment, Service
from tui.demo.world import World

VOID = object()
"""What a procedure without an answer gives: an empty body."""


class Refusal(Exception):
    """`path` None: the procedure itself is not known."""

    def __init__(self, status: int, code: str, message: str, issues: list[dict[str, Any]] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.issues = issues

    def body(self, path: str | None) -> dict[str, Any]:
        data: dict[str, Any] = {"code": self.code, "httpStatus": self.status, "zodError": None}
        if path is not None:
            data["path"] = path
        if self.issues is not None:
            fields = {each["path"][0]: [each["message"]] for each in self.issues}
            data["zodError"] = {"formErrors": [], "fieldErrors": fields}
        shown: dict[str, Any] = {"message": self.message, "code": self.code, "data": data}
        return shown if self.issues is None else {**shown, "issues": self.issues}


def not_found(what: str) -> Refusal:
    return Refusal(404, "NOT_FOUND", f"{what} not found")


def no_access() -> Refusal:
    """Permission errors are UNAUTHORIZED here, not FORBIDDEN."""
    return Refusal(401, "UNAUTHORIZED", "You don't have access to this service")


def failed(command: str, said: str) -> Refusal:
    """What a shell command that went wrong leaves: the command and all."""
    message = f"Command execution failed: Command failed: {command}\n{said}\n"
    return Refusal(500, "INTERNAL_SERVER_ERROR", message)


@dataclass(slots=True)
class Asked:
    world: World
    site: Site
    key: Key
    given: Mapping[str, Any]

    def needs(self, resource: str) -> None:
        """Raises Refusal: the key's owner may only look, and not everywhere."""
        if not self.key.may_all:
            raise Refusal(401, "UNAUTHORIZED", f'unauthorized to access resource "{resource}"')

    @property
    def seen(self) -> list[Service]:
        return [one for one in self.site.services if self.key.sees(one)]

    def service(self, type_: str) -> Service:
        found = self.site.service(str(self.given[f"{type_}Id"]))
        if found is None or ids.type_of(found) != type_:
            raise not_found(type_.title())
        return self.service_of(found)

    def service_of(self, found: Service) -> Service:
        if not self.key.sees(found):
            raise no_access()
        return found

    def deployment(self) -> Deployment:
        found = self.site.deployment(str(self.given["deploymentId"]))
        if found is None:
            raise not_found("Deployment")
        self.service_of(found.service)
        return found
