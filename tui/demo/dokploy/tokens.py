"""Dokploy's API keys: an owner's, a member's, one with a rate limit, and one that has run out."""

from __future__ import annotations

import random
import string
from collections.abc import Mapping
from dataclasses import dataclass, field

from tui.demo.cast import PEOPLE, Person
from tui.demo.clock import SECOND
from tui.demo.entities import Service
from tui.demo.world import World

NO_LIMIT = 0


@dataclass(slots=True, eq=False)
class Key:
    """`limit`: checks in `window_s`, two a request; only a silence as long as the window resets it."""

    value: str = field(repr=False)
    person: Person
    role: str = "owner"
    limit: int = NO_LIMIT
    window_s: int = 60
    checks: int = 0
    last_at: int | None = None

    @property
    def may_all(self) -> bool:
        return self.role in ("owner", "admin")

    def sees(self, service: Service) -> bool:
        """A member's list of services has no databases on it."""
        return self.may_all or service.image is None

    def check(self, now: int) -> bool:
        """One verification; a request by REST makes two. False: the limit is reached, and only silence helps."""
        if self.last_at is not None and now - self.last_at > self.window_s * SECOND:
            self.checks = 0
        self.last_at = now
        if self.limit and self.checks >= self.limit:
            return False
        self.checks += 1
        return True


class Tokens:
    """`owner` may everything; `member` looks at what is on its list, and changes nothing; `limited` has ten checks a
    minute; `expired` is a key's value that was good once: Dokploy deletes such keys.
    """

    def __init__(self, world: World, limit: int = NO_LIMIT) -> None:
        """`limit` is the owner's: Dokploy limits nothing but by a key's own setting."""

        def value(name: str) -> str:
            rng = random.Random(f"dokploy-key:{world.seed}:{name}")
            return "".join(rng.choices(string.ascii_letters, k=64))

        self.owner = Key(value("owner"), PEOPLE[4], limit=limit)
        self.member = Key(value("member"), PEOPLE[5], "member")
        self.limited = Key(value("limited"), PEOPLE[4], limit=10)
        self.expired = value("expired")
        self._by_value = {key.value: key for key in (self.owner, self.member, self.limited)}

    @property
    def usual(self) -> str:
        return self.owner.value

    def caller(self, headers: Mapping[str, str]) -> Key | None:
        """By `x-api-key` alone: no Authorization header is read."""
        return self._by_value.get(headers.get("x-api-key", ""))

    def revoke(self, key: Key) -> None:
        self._by_value.pop(key.value, None)


SECRETS = ("s3cret-env-0e1f", "registry-passw0rd-77", "db-passw0rd-41c9", "hook-t0ken-9ab2")
"""What bodies hold and nobody may show: of an environment, of a registry, of a database, of a webhook's address."""
ENV = f"NODE_ENV=production\nSESSION_SECRET={SECRETS[0]}"
