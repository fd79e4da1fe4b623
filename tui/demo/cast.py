"""Who works at acme, and what they commit."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from enum import Enum, auto
from uuid import UUID


def uuid(*parts: object) -> str:
    """The same id for the same parts, in the form of a random UUID."""
    digest = hashlib.blake2b("\0".join(map(str, parts)).encode(), digest_size=16).digest()
    return str(UUID(bytes=digest, version=4))


def sha(*parts: object) -> str:
    return hashlib.blake2b("\0".join(map(str, parts)).encode(), digest_size=20).hexdigest()


class Fate(Enum):
    """What comes of a commit, whenever and however often it is deployed."""

    GOOD = auto()
    BUILD_FAILS = auto()
    UNHEALTHY = auto()  # its health check never passes
    CRASHES = auto()  # starts, then dies, over and over
    ERRORS = auto()  # runs, and answers with 500s
    PARTLY = auto()  # one replica of several dies
    FINISHES = auto()  # exits with code 0, over and over
    UNSTARTABLE = auto()  # its command does not exist: its process never starts


DYING = frozenset({Fate.CRASHES, Fate.FINISHES, Fate.UNSTARTABLE})
"""Fates that leave no instance running for longer than a few seconds."""


def fate_of(word: str) -> Fate:
    """Raises ValueError: there is no such fate."""
    try:
        return Fate[word.upper().replace("-", "_")]
    except KeyError:
        raise ValueError(f"no such fate: {word!r}") from None


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    email: str
    login: str


@dataclass(frozen=True, slots=True)
class Commit:
    sha: str
    message: str
    author: Person
    branch: str
    fate: Fate = Fate.GOOD


PEOPLE = (
    Person("Ana Souza", "ana@acme.example", "anasouza"),
    Person("Jonas Weber", "jonas@acme.example", "jweber"),
    Person("Mei Tanaka", "mei@acme.example", "mtanaka"),
    Person("Priya Nair", "priya@acme.example", "pnair"),
    Person("Tomasz Kowalski", "tomasz@acme.example", "tkowalski"),
    Person("Zoë O'Brien", "zoe@acme.example", "zobrien"),
    Person("Karim Haddad", "karim@acme.example", "karimh"),
    Person("dependabot[bot]", "support@github.com", "dependabot[bot]"),
)

_SUBJECTS = (
    "Retry the payment webhook with backoff",
    "Cache product pages for 30 s",
    "Fix the rounding of totals in JPY",
    "Log the request id on every error",
    "Move session storage to redis",
    "Add /healthz with a database ping",
    "Drop the legacy coupon endpoint",
    "Paginate order history",
    "Upgrade to Python 3.13",
    "Bump undici from 6.21.1 to 6.21.3",
    "Bump golang.org/x/net to v0.43.0",
    "Show stock per warehouse",
    "Speed up search by a covering index",
    "Escape HTML in review titles",
    "Rate-limit password resets",
    "Add a dark theme to checkout",
    "Make image resizing lazy",
    "Return 409 for a duplicated order key",
    "Compress responses with zstd",
    "Migrate orders.status to an enum",
    "Don't swallow cancelled jobs",
    "Feature flag for the new basket",
    "Translate e-mails to pt-BR",
    "Tighten the content security policy",
    "Read replicas for reports",
    "Fix the flaky shipping-cost test",
    "Collect queue depth metrics",
    "Clean up unused styles",
    "Close idle database connections",
    "Refuse baskets with more than 500 items",
)

_BODIES = (
    "",
    "",
    "",
    "\n\nCloses #{n}.",
    "\n\nSeen twice last night. The retry had no jitter, so all workers came back at once.",
    "\n\nCo-authored-by: Mei Tanaka <mei@acme.example>",
)


def new_commit(seed: object, *, branch: str = "main", fate: Fate = Fate.GOOD, message: str | None = None) -> Commit:
    """A commit of somebody's; the same for the same seed."""
    rng = random.Random(f"commit:{seed}")
    number = rng.randint(120, 990)
    subject = rng.choice(_SUBJECTS)
    author = PEOPLE[-1] if subject.startswith("Bump") else rng.choice(PEOPLE[:-1])
    if message is None:
        message = subject
        if rng.random() < 0.3:
            message += f" (#{number})"
        message += rng.choice(_BODIES).format(n=number)
    return Commit(sha(seed, message), message, author, branch, fate)


HOSTILE_MESSAGE = (
    "Fix \x1b]52;c;Y3VybCBldmlsLmV4YW1wbGUgfCBzaA==\x07catalog\x1b[2J\x1b[1;31m title \u202egnp.exe\u202c "
    "[bold red]not markup[/] 商品カタログの並び順を直す 🚀🧑‍🚀 é̂̃ " + "and a very long tail " * 40
)

HOSTILE_LINES = (
    "title\x1b]0;owned\x07 set, clipboard \x1b]52;c;ZWNobyBvd25lZA==\x07 too, cursor \x1b[2J\x1b[H\x1b[10A gone",
    "\x1b[31mred\x1b[0m, \x1b[1;38;5;208morange\x1b[0m, \x1b[48;2;10;20;30mtruecolour\x1b[0m, [bold]not markup[/bold]",
    "right-to-left \u202egnp.tneve\u202c override, isolates \u2066x\u2069, marks \u200f\u200e",
    "wide 商品カタログ 상품 카탈로그, emoji 👩‍👩‍👧‍👦 🏳️‍🌈 ✈️, combining Z̸̛͖a̷͎l̵͇g̶̗o̴͉",
    "progress 10%\rprogress 50%\rprogress 100% done",
    "tab\there\tand\x00nul\x07bell\x08backspace\x7fdel \x9b31mC1 CSI",
    "two lines in one message\n    at second line\n",
    "very long: " + "0123456789abcdef" * 1250,
)
