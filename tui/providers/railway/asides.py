"""The newest deployment of services whose inventory names none.

`latestDeployment` is null after a removal, though the deployment stays in the list (measured by others): only the list
shows that a service was deployed before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tui.model.clock import Clock
from tui.model.entities import Ref
from tui.model.errors import ProviderError, RateLimited
from tui.providers.graphql import Endpoint
from tui.providers.railway import decode, documents, states, wire
from tui.providers.railway.together import Part, ask_together
from tui.providers.railway.wire import DeploymentRow
from tui.providers.values import moment

_TOGETHER = 20
_ROWS = 2  # a second row shows in which order the list is
_REREAD_S = 600.0
_REREAD_UNREAD_S = 60.0
_REREAD_MOVING_S = 15.0


@dataclass(frozen=True, slots=True)
class Aside:
    """The newest deployment in a service's list. `unread` says why it is not known; "": `row` is all there is."""

    row: DeploymentRow | None
    unread: str
    read_at: float

    @property
    def patience_s(self) -> float:
        if self.unread:
            return _REREAD_UNREAD_S
        if self.row is None or states.state(self.row, self.row.replicas()).settled:
            return _REREAD_S
        return _REREAD_MOVING_S


class Asides:
    """Asks for the lists of several services at a time, and not at every poll."""

    def __init__(self, endpoint: Endpoint, clock: Clock) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._known: dict[Ref, Aside] = {}

    def of(self, service: Ref) -> Aside | None:
        return self._known.get(service)

    def keep(self, services: Iterable[Ref]) -> None:
        """Forget all others: the inventory names their deployments, or they are gone."""
        self._known = {ref: self._known[ref] for ref in services if ref in self._known}

    async def refresh(self, scopes: Mapping[Ref, Mapping[str, str]]) -> None:
        """Read what is too old. `scopes` are the lists to ask for. Raises RateLimited."""
        now = self._clock.monotonic()
        due = [ref for ref in scopes if (known := self.of(ref)) is None or now - known.read_at >= known.patience_s]
        for first in range(0, len(due), _TOGETHER):
            refs = due[first : first + _TOGETHER]
            for ref, aside in zip(refs, await self._read([scopes[ref] for ref in refs], now), strict=True):
                self._known[ref] = aside

    async def _read(self, scopes: Sequence[Mapping[str, str]], now: float) -> list[Aside]:
        questions: list[Mapping[str, Any]] = [{"input": scope} for scope in scopes]
        try:
            parts = await ask_together(self._endpoint, documents.newest_deployments, questions, {"first": _ROWS})
        except RateLimited:
            raise
        except ProviderError as error:
            parts = [Part(error=error)] * len(scopes)
        return [self._aside(part, now) for part in parts]

    def _aside(self, part: Part, now: float) -> Aside:
        peer = self._endpoint.peer
        try:
            if part.error is not None:
                raise part.error
            if part.data is None:
                raise self._endpoint.classify(part.faults, False)
            page = wire.page(part.data, DeploymentRow, peer, "deployments")
        except ProviderError as error:
            return Aside(None, error.message.removeprefix(f"Account {peer.account}: ").rstrip("."), now)
        if page.odd:
            return Aside(None, page.odd[0], now)
        if is_oldest_first(page):
            return Aside(None, "Railway lists the oldest first", now)
        return Aside(max(page.items, key=_made, default=None), "", now)


def _made(row: DeploymentRow) -> datetime:
    return moment(row.created_at) or decode.NEVER


def is_oldest_first(page: wire.Rows[DeploymentRow]) -> bool:
    """Say whether the newest rows are on the last page, not on this first one: Railway promises no order."""
    dates = [made for row in page.items if (made := moment(row.created_at)) is not None]
    return (page.next is not None or page.cut) and dates[:1] < dates[-1:] and dates == sorted(dates)
