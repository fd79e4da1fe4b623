"""The services pane: a row a service, under a heading for each account, project and environment."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from datetime import timedelta

from msgspec import Struct
from rich.cells import cell_len

from tui.model.entities import Ref, Service
from tui.widgets.format import LOOKS, age, fit, instances_up, revisions, service_state, when
from tui.widgets.line_table import LineTable
from tui.widgets.line_widget import Span

_NONE = timedelta(0)
_BOTH = 72  # cells in which the newest revision has a column beside the live one's
_LEAST_DOUBT = 12  # cells that say something of it


class Heading(Struct, frozen=True):
    account: str
    project: str
    environment: str
    production: bool
    stale: bool


class Trouble(Struct, frozen=True):
    """A line of what could not be read of an account, and what to do."""

    text: str
    first: bool


ServiceRow = Heading | Service | Trouble


def with_headings(
    services: Sequence[Service], *, production: Mapping[Ref, bool], stale: frozenset[Ref]
) -> list[ServiceRow]:
    """Services in their order, with a heading wherever account, project or environment changes.

    `production` and `stale` tell by service what is production, and of what the picture is old.
    """
    rows: list[ServiceRow] = []
    place: tuple[str, str, str] | None = None
    for service in services:
        here = (service.account, service.project_name, service.environment_name)
        if here != place:
            place = here
            rows.append(
                Heading(
                    service.account,
                    service.project_name,
                    service.environment_name,
                    production.get(service.ref, False),
                    service.ref in stale,
                )
            )
        rows.append(service)
    return rows


class ServiceList(LineTable[ServiceRow]):
    """`busy` has a word for each service on which an action from here is under way; the logs of those `marked` are
    read as one. `shifts`: what our clock lacks to be the platform's, by account."""

    starts_at_top = True

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.busy: Mapping[Ref, str] = {}
        self.marked: frozenset[Ref] = frozenset()
        self.shifts: Mapping[str, timedelta] = {}

    def key(self, item: ServiceRow) -> Hashable | None:
        return item.ref if isinstance(item, Service) else None

    def matches(self, item: ServiceRow, words: str) -> bool:
        return isinstance(item, Service) and words in item.path.casefold()

    def row(self, item: ServiceRow, width: int) -> tuple[list[Span], str]:
        if isinstance(item, Heading):
            return heading(item), ""
        if isinstance(item, Trouble):
            return [("! " if item.first else "  ", "alert"), (item.text, "approval")], ""
        state, word = service_state(item)
        look = LOOKS[state]
        style = LOOKS[item.status].style if item.status.bad else look.style
        newest = item.latest or item.live
        aged = age(when(newest), self.now + self.shifts.get(item.account, _NONE)) if newest and self.now else ""
        word_width = 14 if width < 40 else 17
        busy = self.busy.get(item.ref)
        if busy:
            word, style = busy, "flight"
        elif (state.up or state.bad) and any(not each.status.up for each in item.instances):
            told = f"{word} {instances_up(item.instances)}"
            word = told if len(told) <= word_width else word
        extra = _extra(item, width)
        name_width = max(8, width - 3 - word_width - 1 - 5 - sum(len(text) for text, _ in extra))
        spans: list[Span] = [
            ("◆" if item.ref in self.marked else " ", "mark"),
            (f"{look.sign} ", style),
            *_name(item, name_width),
            (" " + fit(word, word_width), style),
            *extra,
            (f"{aged:>4} ", "dim"),
        ]
        return spans, ""


def heading(item: Heading) -> list[Span]:
    spans: list[Span] = [(f" {item.account} ", "dim"), (f"{item.project} ", "heading")]
    spans.append((f" {item.environment} ", "production" if item.production else "heading"))
    if item.stale:
        spans.append((" stale", "alert"))
    return spans


def _name(service: Service, width: int) -> list[Span]:
    """Its name, and what is in doubt of it where there is room for a part of that."""
    style = "strong" if service.trouble else ""
    room = width - cell_len(service.name) - 2
    if not service.doubt or room < _LEAST_DOUBT:
        return [(fit(service.name, width), style)]
    return [(service.name, style), ("  " + fit(service.doubt, room), "approval")]


def _extra(service: Service, width: int) -> list[Span]:
    """What a wide pane has room for: the live revision, then the newest where it is another, then replicas."""
    if width < 56:
        return []
    live, newest = revisions(service)
    spans: list[Span] = [(" " + fit(live, 8), "dim")]
    if width >= _BOTH:
        spans.append((fit(f"›{newest}" if newest else "", 9), "approval"))
    if width >= 72:
        spans.append((f" {'x' + str(service.replicas) if service.replicas else '':<4}", "dim"))
    return spans
