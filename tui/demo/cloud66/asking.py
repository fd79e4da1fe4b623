"""One request as the handlers see it, and how they say no."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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


def bad_request(details: str) -> Refusal:
    return Refusal(400, "bad_request", "The request is not valid", details)


def conflict(details: str) -> Refusal:
    return Refusal(409, "conflict", "The request cannot be carried out now", details)


def not_found(what: str) -> Refusal:
    return Refusal(404, "not_found", f"{what} not found")


@dataclass(slots=True)
class Asked:
    """`path` are the parts of the address that its template names, `given` the query and the body together.
    `account` is the one that the header X-Account picks, "" all that the token sees.
    """

    world: World
    side: Side
    token: Token
    path: Mapping[str, str]
    given: Mapping[str, Any]
    account: str = ""
    suffixed: bool = False  # the address ended in .json

    @property
    def services(self) -> list[Service]:
        found = self.world.estate("cloud66").services
        if not self.account:
            return found
        return [one for one in found if str(ids.account_id(one.environment.project)) == self.account]

    @property
    def stack_uid(self) -> str:
        return self.path.get("uid") or self.path["stack_id"]

    def stack(self) -> Service:
        uid = self.stack_uid
        for one in self.services:
            if ids.stack_uid(one) == uid:
                return one
        raise not_found("Stack")

    def deployment(self) -> Deployment:
        service, id_ = self.stack(), self.path["deployment_id"]
        for one in service.recent:
            if ids.deployment_id(one) == id_:
                return one
        for one in service.history:
            if ids.deployment_id(one) == id_:
                return one
        raise not_found("Deployment")

    def text(self, name: str) -> str:
        """A parameter; "" where it is not given: the Go client sends empty strings for that."""
        value = self.given.get(name)
        return value if isinstance(value, str) else "" if value is None else str(value)

    def number(self, name: str, default: int) -> int:
        text = self.text(name)
        if text and not text.isdecimal():
            raise bad_request(f"{name} is a number")
        return int(text) if text else default


@dataclass(frozen=True, slots=True)
class Listed:
    """A list; only the rows of the page that was asked for are put in words."""

    rows: Sequence[Any]
    word: Callable[[Any], Wire] = lambda row: row
    paged: bool = True


@dataclass(frozen=True, slots=True)
class Bare:
    """An answer without the envelope `response`."""

    body: Wire
