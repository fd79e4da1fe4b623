"""Cloud 66's tokens by scope, and the hourly budget of requests that all of a user's tokens share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tui.demo.cast import PEOPLE, Person, sha
from tui.demo.clock import HOUR
from tui.demo.world import World

USUAL_LIMIT = 3600  # as the examples' headers say, against the 3,000 of the text
SCOPES = ("public", "redeploy", "jobs", "users", "admin")

SECRET_HOOK = "hook-5f0e1c9a7b"
SECRET_SCRIPT = "registration-31c8aa"
SECRET_ENV = "DATABASE_PASSWORD=hunter2-c66"
SECRET_KEY = "ssh-private-key-77d0c4"


@dataclass(slots=True, eq=False)
class Token:
    value: str = field(repr=False)
    scopes: frozenset[str]
    person: Person
    expired: bool = False  # the trial of its account is over

    def may(self, scope: str) -> bool:
        return scope in self.scopes


class Tokens:
    """One attribute a kind: `everything`, `admin` (all but users), `redeploy`, `public`, `scopeless` (a service
    account's with no box checked: no API at all) and `trial` (of an account whose trial is over).

    `leaked` counts the tokens that came to the push channel, where none belongs. `warning`, where it is not empty,
    goes out in the header X-Cloud66-Warning.
    """

    def __init__(self, world: World, limit: int = USUAL_LIMIT) -> None:
        def token(*scopes: str, kind: str = "") -> Token:
            return Token(sha("cloud66-token", world.seed, kind, *scopes) + "00c66", frozenset(scopes), PEOPLE[2])

        self.everything = token(*SCOPES)
        self.admin = token("public", "redeploy", "admin")
        self.redeploy = token("public", "redeploy")
        self.public = token("public")
        self.scopeless = token()
        self.trial = token(*SCOPES, kind="trial")
        self.trial.expired = True
        self.limit = limit
        self.warning = ""
        self.leaked = 0
        self._spent = 0
        self._window = -1
        known = (self.everything, self.admin, self.redeploy, self.public, self.scopeless, self.trial)
        self._by_value = {one.value: one for one in known}

    @property
    def usual(self) -> str:
        return self.everything.value

    @property
    def secrets(self) -> tuple[str, ...]:
        """What answers hold and nobody may show."""
        return (SECRET_HOOK, SECRET_SCRIPT, SECRET_ENV, SECRET_KEY)

    def caller(self, headers: Mapping[str, str]) -> Token | None:
        """Whoever's token the headers carry; None: none, or one that is not known."""
        scheme, _, value = headers.get("authorization", "").partition(" ")
        return self._by_value.get(value.strip()) if scheme.lower() == "bearer" else None

    def holds_one(self, text: str) -> bool:
        return any(value in text for value in self._by_value)

    def revoke(self, token: Token) -> None:
        self._by_value.pop(token.value, None)

    def spend(self, now: int) -> bool:
        """Take one request from the hour's budget; False: there is none left till the next hour begins."""
        self._turn(now)
        if self._spent >= self.limit:
            return False
        self._spent += 1
        return True

    def headers(self, now: int) -> dict[str, str]:
        self._turn(now)
        counted = {"X-RateLimit-Limit": str(self.limit), "X-RateLimit-Remaining": str(self.limit - self._spent)}
        return {**counted, "X-Cloud66-Warning": self.warning} if self.warning else counted

    def _turn(self, now: int) -> None:
        if now // HOUR != self._window:
            self._window, self._spent = now // HOUR, 0
