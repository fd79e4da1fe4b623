"""One request as the handlers see it, and how they say no."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tui.demo.cloud66 import ids
from tui.demo.cloud66.side import Side
from tui.demo.cloud66.tokens import Token
from tui.demo.entities import Deployment, Service
from tui.demo.world import World

Wire = dict[str, Any]


class Refusal(Exception):
    """An answer that is no success, with the names of Cloud 66's table of statuses."""

    def __init__(self, status: int, error: str, description: str, details: str = "") -> None:
        super().__init__(description)
        self.status = status
        self.body = {"error": error, "error_description": description}
        if details:
            self.body["details"] = details


def not_found(what: str) -> Refusal:
    return Refusal(404, "not_found", f"{what} not found")


@dataclass(slots=True)
class Asked:
    """`path` are the parts of the address that its template names, `given` the query and the body together."""

    world: World
    side: Side
    token: Token
    path: Mapping[str, str]
    given: Mapping[str, Any]

    @property
    def services(self) -> list[Service]:
        return self.world.estate("cloud66").services

    def stack(self) -> Service:
        for one in self.services:
            if ids.stack_uid(one) == self.path["uid"]:
                return one
        raise not_found("Stack")

    def deployment(self) -> Deployment:
        service = self.stack()
        for one in service.recent:
            if ids.deployment_id(one) == self.path["id"]:
                return one
        for one in service.history:
            if ids.deployment_id(one) == self.path["id"]:
                return one
        raise not_found("Deployment")

    def text(self, name: str) -> str:
        """A parameter; "" where it is not given: the Go client sends empty strings for that."""
        value = self.given.get(name)
        return value if isinstance(value, str) else "" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class Listed:
    """A list, paged when it is sent."""

    rows: list[Any]
    paged: bool = True
