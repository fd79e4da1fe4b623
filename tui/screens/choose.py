"""Sheets that choose: one of the actions, or the deployment to go back to."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from datetime import datetime

from msgspec import Struct
from textual import events
from textual.app import ComposeResult
from textual.widgets import Static

from tui.keys import MENU_KEYS
from tui.model.action import Verb
from tui.model.entities import Deployment, Service
from tui.screens.sheet import TableSheet
from tui.targets import previous_good
from tui.widgets.format import LOOKS, age, fit, plural, status_word, when
from tui.widgets.line_table import LineTable
from tui.widgets.line_widget import Span


class Offer(Struct, frozen=True):
    """One choice. `reason`: why it cannot be taken, shown beside it."""

    key: Hashable
    spans: tuple[Span, ...]
    reason: str | None


class Offers(LineTable[Offer]):
    def key(self, item: Offer) -> Hashable | None:
        return item.key

    def row(self, item: Offer, width: int) -> tuple[list[Span], str]:
        if item.reason is None:
            return list(item.spans), ""
        return [*((text, "dim") for text, _ in item.spans), (f"  {item.reason}", "approval")], ""


class ChooseSheet(TableSheet[Hashable]):
    """Returns the key of the offer taken, None for none. One that cannot be taken says why."""

    foot = "j k choose · enter opens the confirmation · esc back"

    def __init__(self, title: str, offers: Sequence[Offer], now: datetime, intro: str = "") -> None:
        super().__init__()
        self._title = title
        self.offers = offers
        self.now = now
        self.intro = intro
        self.table = Offers(id="offers")

    def heading(self) -> str:
        return self._title

    def body(self) -> ComposeResult:
        if self.intro:
            yield Static(self.intro, id="intro", markup=False)
        yield self.table

    def on_mount(self) -> None:
        table = self.table
        table.styles.height = max(1, min(len(self.offers), self.app.size.height - 9))
        table.show(self.offers, self.now, ("there is nothing to choose from",))
        first = next((offer.key for offer in self.offers if offer.reason is None), None)
        if first is not None:
            table.select(first)

    def action_take(self) -> None:
        self.take(self.table.selected)

    def take(self, key: Hashable | None) -> None:
        offer = next((o for o in self.offers if o.key == key), None)
        if offer is None:
            return
        if offer.reason is not None:
            self.notify(offer.reason, severity="warning", markup=False)
            return
        self.dismiss(offer.key)


class VerbsSheet(ChooseSheet):
    """Verbs, each with its second stroke."""

    foot = "press the letter, or enter · esc back"

    def on_key(self, event: events.Key) -> None:
        verb = next((verb for verb, key in MENU_KEYS.items() if key == event.character), None)
        if verb is not None:
            event.stop()
            event.prevent_default()
            self.take(verb)


class ActionsSheet(VerbsSheet):
    """All verbs on one service; greyed with the reason where it is not possible."""

    def __init__(self, service: Service, verbs: Mapping[Verb, str | None], now: datetime) -> None:
        offers = [_verb_offer(verb, reason) for verb, reason in verbs.items()]
        super().__init__(f"Actions on {service.name}", offers, now)


class ManyActionsSheet(VerbsSheet):
    """All verbs on the marked services: of how many it can be asked; of how many not, and the first's reason.

    `verbs`: of each service, in their order, the reason why not, or None.
    """

    def __init__(self, verbs: Mapping[Verb, Sequence[str | None]], now: datetime, hidden: int = 0) -> None:
        marked = len(next(iter(verbs.values())))
        offers = [_many_offer(verb, reasons) for verb, reasons in verbs.items()]
        intro = f"{hidden} of them not shown in the list now." if hidden else ""
        super().__init__(f"Actions on {plural(marked, 'marked service')}", offers, now, intro)


def _verb_offer(verb: Verb, reason: str | None, more: Sequence[Span] = ()) -> Offer:
    return Offer(verb, ((f" {MENU_KEYS[verb]}  ", "key"), (f"{verb:<11}", ""), *more), reason)


def _many_offer(verb: Verb, reasons: Sequence[str | None]) -> Offer:
    against = [reason for reason in reasons if reason is not None]
    can = len(reasons) - len(against)
    if not can:
        return _verb_offer(verb, f"none can: {against[0]}" if against else "none is marked")
    not_all = (f" · {len(against)} cannot: {against[0]}", "approval") if against else ("", "")
    return _verb_offer(verb, None, ((f"{can} can", "live"), not_all))


def rollback_offers(
    service: Service, deployments: Sequence[Deployment], reasons: Mapping[str, str | None], now: datetime
) -> list[Offer]:
    """Where a service can go back to: the last good one before the live one first, then the rest newest first."""
    live = service.live.ref if service.live else None
    rest = [d for d in deployments if d.ref != live and not d.status.in_flight]
    possible = [d for d in rest if reasons.get(d.id) is None]
    good = previous_good(deployments)
    best = [d for d in possible if good is not None and d.ref == good.ref]
    ordered = best + [d for d in possible if d not in best]
    refused = [d for d in rest if reasons.get(d.id) is not None]
    return [
        Offer(d.ref, _deployment_spans(d, now, "last good " if d in best else ""), reasons.get(d.id))
        for d in ordered + refused
    ]


def _deployment_spans(deployment: Deployment, now: datetime, mark: str) -> tuple[Span, ...]:
    look = LOOKS[deployment.status]
    revision = deployment.revision
    return (
        (f" {look.sign} ", look.style),
        (fit(status_word(deployment.status, deployment.status_raw), 10), look.style),
        (f"{age(when(deployment), now):>4}  ", "dim"),
        (fit(revision.short if revision else deployment.id, 8), "link"),
        (f" {mark:<10}", "live"),
        (fit((revision.author or "") if revision else "", 10) + " ", "dim"),
        ((revision.message or "") if revision else "", ""),
    )
