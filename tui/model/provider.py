"""The port: what the engine asks of a platform, and nothing else."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextvars import ContextVar
from datetime import datetime
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

from msgspec import Struct, field

from tui.credentials import Secret
from tui.model.action import Effect, Intent, Progress, Receipt, Verb
from tui.model.clock import Clock
from tui.model.entities import (
    Change,
    ChangeKind,
    Changes,
    Deployment,
    Page,
    Ref,
    Service,
    Snapshot,
    Step,
    compare_url,
)
from tui.model.log import Cursor, LogEntry, LogKind, LogSource
from tui.model.skew import Skew

if TYPE_CHECKING:
    from tui.model.log_filter import LogFilter


class Priority(IntEnum):
    """Whose request goes first when the budget is short."""

    ACTION = 0  # never waits
    FOCUSED = 1
    VISIBLE = 2
    BACKGROUND = 3


PRIORITY: ContextVar[Priority] = ContextVar("priority", default=Priority.BACKGROUND)
"""Set by the engine around a call into a provider; read by the meter."""


class Connection(Struct, frozen=True):
    """How to reach one account: what every provider is made from."""

    account: str
    token: Secret
    url: str | None = None  # None: the platform's own
    projects: tuple[str, ...] = ()  # what to show; empty: everything the credential sees
    ca_file: Path | None = None
    live_logs: str | None = None  # a second address, for platforms that push their logs from one; None: not wanted
    read_only: bool = False  # nothing that changes anything may leave


class Polling(Struct, frozen=True):
    """How often a platform wants to be asked, at most. Seconds."""

    snapshot_s: float = 10.0
    moving_s: float = 5.0  # snapshots, while something is in flight
    focused_s: float = 2.0  # the deployment in flight that somebody looks at
    spread_s: float = 0.0  # how much older than the rest a part of a good snapshot may be
    burst: int = 8  # requests at once, as a first picture needs them
    requests_per_hour: int | None = None  # the budget where the platform's answers name none; None: two a second


class Meter(Protocol):
    """The account's request budget as a provider sees it: ask before each request, tell what each answer said."""

    skew: Skew
    """How far the platform's clock is from ours: providers tell it, and ask it where they send times of ours."""

    async def spend(self) -> None:
        """Returns when a request may go out. Raises RateLimited when that would be too long from now."""

    def observe(
        self,
        *,
        limit: int | None = None,
        remaining: int | None = None,
        resets_at: datetime | None = None,
        retry_at: datetime | None = None,
        guessed: bool = False,
    ) -> None:
        """What an answer's headers said; None where they said nothing. `retry_at` is set by a 429, and ends an earlier
        pause when it is now. `guessed`: the platform named no time, so a person's refresh may try once before it."""


class Handler(Struct, frozen=True):
    """How a provider does one verb. `run` raises ProviderError; OutcomeUnknown when the answer was lost."""

    run: Callable[[Intent], Awaitable[Receipt]]
    effect: Callable[[Intent], Effect]
    options: Mapping[str, str] = field(default_factory=dict)  # the verb's own options: name -> help


class Credential(Struct, frozen=True):
    """What `deckwatch check` says of an account. `kind` is the platform's word for the token; never the token."""

    kind: str
    sees: str  # what it reaches, in words
    problems: tuple[str, ...] = ()
    verbs: Mapping[Verb, str | None] | None = None  # what this very credential may not do, and why; None: may


class Provider(ABC):
    """One account on one platform.

    A provider keeps its sockets and what it must remember between calls (a token's kind, an etag, rows that the
    platform tells only changes of); the picture itself is the engine's. It never retries; each call either answers
    or raises one ProviderError. All text it returns has passed `model.text`: nothing a platform sends reaches a
    screen raw.

    Verbs and log kinds the platform does not have are in `lacks`, each with a sentence that says what to do
    instead. Together with `handlers` and `log_kinds` it names every Verb and every LogKind once.
    """

    name: ClassVar[str]
    title: ClassVar[str]  # as the platform writes itself
    log_kinds: ClassVar[frozenset[LogKind]]
    lacks: ClassVar[Mapping[Verb | LogKind, str]]
    polling: ClassVar[Polling] = Polling()
    redeploys_as_it_was: ClassVar[bool] = False  # a redeploy of an older deployment brings back what that one was
    handlers: Mapping[Verb, Handler]

    @abstractmethod
    def __init__(self, connection: Connection, *, meter: Meter, clock: Clock) -> None:
        """Opens nothing yet: the first call does."""

    def blocked(self, verb: Verb, target: Service | Deployment) -> str | None:
        """Why `verb` cannot be done on `target` now, in words for the screen; None when it can be tried."""
        if verb not in self.handlers:
            return self.lacks.get(verb, f"{self.title} cannot {verb}.")
        return target.not_now.get(verb)

    @abstractmethod
    async def check(self) -> Credential:
        """Reach the platform and ask what the credential is and may do."""

    @abstractmethod
    async def snapshot(self) -> Snapshot:
        """The account now, in as few requests as the platform allows. What one environment refuses is a sentence
        in `problems`, the rest is still there."""

    def focus(self, service: Ref | None) -> None:  # noqa: B027 - most platforms answer all at once
        """Which of its services somebody looks at, so that a snapshot can read that one oftener than the rest."""

    @abstractmethod
    async def deployments(self, service: Service, before: str | None = None, limit: int = 50) -> Page[Deployment]:
        """Newest first, at most `limit`. `before` is the `next` of the page in front."""

    @abstractmethod
    async def deployment(self, ref: Ref, service: Service) -> Deployment:
        """One deployment by its id. Raises NotFound."""

    async def steps(self, deployment: Deployment) -> tuple[Step, ...]:
        """The build and deploy steps so far, in order; empty where the platform has none."""
        return ()

    async def changes(self, deployment: Deployment, before: Deployment | None) -> Changes:
        """What `deployment` brought over `before`, the one that was live until then (None: not known).

        Unless a platform knows more, that is the commit it was made from.
        """
        revision = deployment.revision
        if revision is None:
            return Changes(note=f"{self.title} does not say what this deployment was made from.")
        title = (revision.message or "").partition("\n")[0]
        commit = Change(ChangeKind.COMMIT, revision.short, title, revision.author, deployment.created_at, revision.url)
        compare = compare_url(before.revision, revision) if before is not None and before.revision else None
        return Changes((commit,), compare, f"{self.title} tells only the commit a deployment was made from.")

    async def progress(self, receipt: Receipt) -> Progress:
        """How an accepted action with an `operation` goes. Raises NotFound when the platform knows it no longer."""
        return Progress(ok=True)

    async def trace(self, intent: Intent, since: datetime) -> Receipt | None:
        """Return the receipt of an action as far as the platform shows that this very request arrived, else None.

        Called for an action whose reply was lost, and for an accepted one whose reply named neither a deployment nor
        an operation. Evidence is what only this request can have caused: a title or reference that it carried, a job
        retried from the one it named and by the token's own user, a deployment of the trigger, creator, reason and
        revision that it asked for, made after `since`. A deployment that merely began later is somebody else's until
        it proves otherwise. It sends no mutation. `since` is on the platform's clock: nothing older belongs to this
        action. Verbs that change the service itself (stop, start) may return None: the engine watches the service.
        """
        return None

    def watch(self, deployment: Deployment) -> AsyncIterator[None]:
        """Yields once whenever the platform says that this deployment or its steps changed: read them again then.

        Ends when the platform ends it. A platform that cannot tell ends it at once, and the engine polls.
        """
        return _never()

    def search_of(self, wanted: LogFilter, kind: LogKind) -> str:
        """A `LogSource.search` that leaves out only what `wanted` would; what comes is filtered again. "": all."""
        return ""

    @abstractmethod
    def logs(self, source: LogSource, cursor: Cursor) -> AsyncIterator[LogEntry]:
        """Old lines oldest first, then new ones as they come; goes on after `cursor` without repeat or loss.

        Ends when the platform has no more to say (a finished build, `source.follow` False). Raises ProviderError
        when the stream breaks; the caller reconnects with the same cursor. What is known to be lost is a LogGap.
        """

    @abstractmethod
    async def aclose(self) -> None:
        """Close every socket. Calls under way end with Unreachable."""


async def _never() -> AsyncIterator[None]:
    return
    yield
