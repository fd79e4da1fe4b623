"""GitLab's access tokens: whose each is, what it may, how often; and how the installation behind them is set up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tui.demo.cast import PEOPLE, Person, sha
from tui.demo.clock import MINUTE, SECOND
from tui.demo.world import World

USUAL_LIMIT = 2000
WINDOW = MINUTE
DEVELOPER, MAINTAINER = 30, 40
ON_CALL = Person("Lena Fischer", "lena@acme.example", "lfischer")


@dataclass(slots=True, eq=False)
class Token:
    """`access_level` is its person's role in every project; a `release_manager` is in the group that approves."""

    value: str = field(repr=False)
    name: str
    person: Person
    limit: int  # requests a minute
    scopes: tuple[str, ...] = ("api",)
    access_level: int = MAINTAINER
    release_manager: bool = False
    expired: bool = False
    job: bool = False  # a CI job's own: for a few endpoints only
    spent: int = 0
    window_from: int | None = None

    @property
    def writes(self) -> bool:
        return "api" in self.scopes

    def spend(self, now: int) -> bool:
        """Take one request from the minute's budget; False: there is none left."""
        if self.window_from is None or now >= self.window_from + WINDOW:
            self.window_from, self.spent = now, 0
        self.spent += 1
        return self.spent <= self.limit

    def resets_at(self, now: int) -> int:
        """In whole seconds since 1970."""
        return -(-((now if self.window_from is None else self.window_from) + WINDOW) // SECOND)

    def headers(self, now: int) -> dict[str, str]:
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Name": "throttle_authenticated_api",
            "RateLimit-Observed": str(self.spent),
            "RateLimit-Remaining": str(max(0, self.limit - self.spent)),
            "RateLimit-Reset": str(self.resets_at(now)),
        }


@dataclass(slots=True)
class Server:
    """How the installation is set up; a test may change it while it runs."""

    rate_headers: bool = True  # on every answer; else only on a 429
    count_limit: int = 10_000  # a list of more rows than that does not tell how many
    byte_offset: bool = True  # a trace can be asked for in parts
    on_stop: bool = True  # an environment has a job that stops it
    cancel_takes_s: float = 0.0  # so long is a job that runs `canceling`
    approvals: bool = True  # Premium; the free edition knows no approval


class Tokens:
    """`maintainer` (the usual one), `developer`, `release_manager`, `read_api`, `expired` and `job` exist."""

    def __init__(self, world: World, limit: int = USUAL_LIMIT) -> None:
        def made(name: str, person: Person, **more: object) -> Token:
            return Token(f"glpat-{sha('gitlab', name, world.seed)[:20]}", name, person, limit, **more)  # type: ignore[arg-type]

        self.maintainer = made("deckwatch", ON_CALL)
        self.read_api = made("dashboard", ON_CALL, scopes=("read_api",))
        self.developer = made("laptop", PEOPLE[0], access_level=DEVELOPER)
        self.release_manager = made("release", PEOPLE[4], release_manager=True)
        self.second_release_manager = made("release-2", PEOPLE[5], release_manager=True)
        self.expired = made("former", ON_CALL, expired=True)
        self.job = made("job", PEOPLE[1], job=True, access_level=DEVELOPER)
        self.server = Server()
        self._known = {
            one.value: one
            for one in (
                self.maintainer,
                self.read_api,
                self.developer,
                self.release_manager,
                self.second_release_manager,
                self.expired,
                self.job,
            )
        }

    @property
    def usual(self) -> str:
        return self.maintainer.value

    def caller(self, headers: Mapping[str, str], query: Mapping[str, str]) -> Token | None:
        """Whoever's token the request carries, be it expired; None: it carries none that is known."""
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        value = (
            headers.get("private-token")
            or query.get("private_token")
            or (bearer.strip() if scheme.lower() == "bearer" else "")
        )
        if value:
            found = self._known.get(value)
            return None if found is None or found.job else found
        found = self._known.get(headers.get("job-token") or query.get("job_token") or "")
        return found if found is not None and found.job else None

    def revoke(self, token: Token) -> None:
        self._known.pop(token.value, None)
