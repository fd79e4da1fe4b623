"""Railway's three kinds of token, what each may see, and its hourly budget of requests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tui.demo.cast import PEOPLE, Person, uuid
from tui.demo.clock import HOUR, SECOND
from tui.demo.entities import Environment
from tui.demo.world import World

HOBBY_LIMIT = 1000


class TokenKind(StrEnum):
    ACCOUNT = "account"
    WORKSPACE = "workspace"
    PROJECT = "project"


@dataclass(slots=True, eq=False)
class Token:
    value: str = field(repr=False)
    kind: TokenKind
    person: Person
    limit: int  # requests an hour
    environment: Environment | None = None  # a project token's only one
    lists_deployments: bool = True  # sources disagree whether a project token may
    spent: int = 0
    window_from: int | None = None

    def sees(self, environment: Environment) -> bool:
        if environment.restricted:
            return False
        return self.environment is None or self.environment is environment

    def spend(self, now: int) -> bool:
        """Take one request from the hour's budget; False: there is none left."""
        if self.window_from is None or now >= self.window_from + HOUR:
            self.window_from, self.spent = now, 0
        if self.spent >= self.limit:
            return False
        self.spent += 1
        return True

    @property
    def remaining(self) -> int:
        return self.limit - self.spent

    def resets_at(self, now: int) -> int:
        return HOUR + (now if self.window_from is None else self.window_from)

    def headers(self, now: int) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(-(-self.resets_at(now) // SECOND)),
        }


class Tokens:
    """`account`, `workspace` and `project` (of the first environment) are the three that exist."""

    def __init__(self, world: World, limit: int = HOBBY_LIMIT) -> None:
        def value(kind: TokenKind) -> str:
            return uuid("token", kind, world.seed)

        person = PEOPLE[0]
        self.account = Token(value(TokenKind.ACCOUNT), TokenKind.ACCOUNT, person, limit)
        self.workspace = Token(value(TokenKind.WORKSPACE), TokenKind.WORKSPACE, person, limit)
        self.project = Token(
            value(TokenKind.PROJECT), TokenKind.PROJECT, person, limit, world.estate("railway").environments[0]
        )
        self._bearers = {token.value: token for token in (self.account, self.workspace)}

    @property
    def usual(self) -> str:
        return self.account.value

    def caller(self, headers: Mapping[str, str]) -> Token | None:
        """Whoever's token the headers carry. None: they carry none. Raises LookupError with Railway's words."""
        if (value := headers.get("project-access-token")) is not None:
            if value == self.project.value:
                return self.project
            raise LookupError("Project Token not found")
        if (header := headers.get("authorization")) is None:
            return None
        scheme, _, value = header.partition(" ")
        token = self._bearers.get(value.strip())
        if scheme.lower() != "bearer" or token is None:
            raise LookupError("Not Authorized")
        return token

    def revoke(self, token: Token) -> None:
        self._bearers.pop(token.value, None)
        if token is self.project:
            token.value = ""
