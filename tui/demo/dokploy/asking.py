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
            data["zodError"] = {"fieldErrors": {each["path"][0]: [each["message"]] for each in self.issues}}
        shown: dict[str, Any] = {"message": self.message, "code": self.code, "data": data}
        return shown if self.issues is None else {**shown, "issues": self.issues}


def not_found(what: str) -> Refusal:
    return Refusal(404, "NOT_FOUND", f"{what} not found")


def no_access() -> Refusal:
    """Permission errors are UNAUTHORIZED here, not FORBIDDEN."""
    return Refusal(401, "UNAUTHORIZED", "You don't have access to this service")


@dataclass(slots=True)
class Asked:
    world: World
    site: Site
    key: Key
    given: Mapping[str, Any]

    def needs_all(self) -> None:
        if not self.key.may_all:
            raise no_access()

    def service(self, type_: str) -> Service:
        found = self.site.service(str(self.given[f"{type_}Id"]))
        if found is None or ids.type_of(found) != type_:
            raise not_found(type_.title())
        return found

    def deployment(self) -> Deployment:
        found = self.site.deployment(str(self.given["deploymentId"]))
        if found is None:
            raise not_found("Deployment")
        return found
