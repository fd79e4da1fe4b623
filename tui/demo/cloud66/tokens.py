"""Cloud 66's tokens by scope, and the hourly budget of requests that all of a user's tokens share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tui.demo.cast import PEOPLE, Person, sha
from tui.demo.clock import HOUR
from tui.demo.world import World

USUAL_LIMIT = 3600  # as the examples' headers say, against the 3,000 of the text
SCOPES = ("public", "redeploy", "jobs", "users", "admin")


@dataclass(slots=True, eq=False)
class Token:
    value: str = field(repr=False)
    scopes: frozenset[str]
    person: Person

    def may(self, scope: str) -> bool:
        return scope in self.scopes or scope == "public"


class Tokens:
    """`everything`, `redeploy` and `public` are the three that exist. `leaked` counts those that came to the push
    channel, where none belongs.
    """

    def __init__(self, world: World, limit: int = USUAL_LIMIT) -> None:
        def token(*scopes: str) -> Token:
            return Token(sha("cloud66-token", world.seed, *scopes) + "00c66", frozenset(scopes), PEOPLE[2])

        self.everything = token(*SCOPES)
        self.redeploy = token("public", "redeploy")
        self.public = token("public")
        self.limit = limit
        self.leaked = 0
        self._spent = 0
        self._window = -1
        self._by_value = {one.value: one for one in (self.everything, self.redeploy, self.public)}

    @property
    def usual(self) -> str:
        return self.everything.value

    @property
    def secrets(self) -> tuple[str, ...]:
        """What answers hold and nobody may show."""
        return (SECRET_HOOK, SECRET_SCRIPT, SECRET_ENV)

    def caller(self, headers: Mapping[str, str]) -> Token | None:
        """Whoever's token the headers carry; None: none, or one that is not known."""
        scheme, _, value = headers.get("authorization", "").partition(" ")
        return self._by_value.get(value.strip()) if scheme.lower() == "bearer" else None

    def revoke(self, token: Token) -> None:
        self._by_value.pop(token.value, None)

    def spend(self, now: int) -> bool:
        """Take one request from the hour's budget; False: there is none left till the next hour begins."""
        if now // HOUR != self._window:
            self._window, self._spent = now // HOUR, 0
        if self._spent >= self.limit:
            return False
        self._spent += 1
        return True

    def headers(self) -> dict[str, str]:
        return {"X-RateLimit-Limit": str(self.limit), "X-RateLimit-Remaining": str(self.limit - self._spent)}


SECRET_HOOK = "hook-5f0e1c9a7b"
SECRET_SCRIPT = "registration-31c8aa"
SECRET_ENV = "DATABASE_PASSWORD=hunter2-c66"
