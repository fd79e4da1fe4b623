"""What the board says: the words of its bars, and of a pane that has no rows. Values in, words out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from rich.cells import cell_len

from tui.engine.actions import Action, ActionPhase, ActionService
from tui.engine.audit import AuditEntry
from tui.engine.batch import Batch
from tui.engine.evidence import caveat
from tui.engine.store import AccountState, Phase, Store, Timeline
from tui.engine.undo import Done, undo_of
from tui.keys import Action as KeyAction
from tui.model.entities import Ref, Service
from tui.model.errors import (
    Forbidden,
    NotFound,
    ProviderError,
    RateLimited,
    Refused,
    Unauthorized,
    UnexpectedReply,
    Unreachable,
)
from tui.model.skew import SAID_S
from tui.model.words import clock_time
from tui.widgets.bars import freshness, side_by_side, tally
from tui.widgets.format import age, count, duration, revisions, status_word
from tui.widgets.line_widget import Span

if TYPE_CHECKING:
    from tui.engine.engine import Engine

Spans = list[Span]

TOLD_S = 120.0
"""How long the bottom line tells of an action that has ended."""
SAID_FOR_S = 10.0
"""How long an answer to a key goes before all else on the bottom line."""
_LEAST = 20  # cells, in which what goes on can be told
_ENDED: Mapping[bool | None, Span] = {True: ("✓", "live"), False: ("✗", "bad"), None: ("?", "approval")}


def is_old(account: AccountState, now: datetime) -> bool:
    return account.phase(now) in (Phase.STALE, Phase.FAILED)


def _and_now(error: ProviderError, next_try_at: datetime | None, now: datetime) -> str:
    """The sentence of an error, and what happens next."""
    if isinstance(error, Unauthorized):
        return f"{error} Not tried again until ctrl+r."
    if isinstance(error, RateLimited):
        return f"{error} Tried again at {clock_time(error.retry_at, now)}."
    if next_try_at is not None and next_try_at > now:
        return f"{error} Tried again by itself; ctrl+r tries now."
    return f"{error} ctrl+r tries again."


_WHY: Mapping[type[ProviderError], str] = {
    Unauthorized: "access refused",
    Forbidden: "not allowed",
    NotFound: "not found",
    Refused: "refused",
    UnexpectedReply: "unreadable answer",
    Unreachable: "no answer",
}


def why(error: ProviderError, now: datetime) -> str:
    """A few words for a head: what is wrong, and that it is tried again."""
    if isinstance(error, RateLimited):
        return f"rate limited, retrying at {clock_time(error.retry_at, now)}"
    found = next((words for kind, words in _WHY.items() if isinstance(error, kind)), "a fault inside deckwatch")
    return f"{found}, retrying"


def troubles(store: Store, now: datetime) -> list[str]:
    """A sentence for each account that cannot be read, and for what of it could not be. Below the services."""
    return [sentence for account in store.accounts.values() for sentence in _troubles(store, account, now)]


def alerts(store: Store, now: datetime) -> list[str]:
    """Those of the troubles that came up while the board was open, for the line at the bottom: what a token may never
    see is said below the services, and once is enough."""
    troubled = [a for a in store.accounts.values() if a.error is not None or (a.snapshot and a.snapshot.unread)]
    sentences = {a.name: _troubles(store, a, now) for a in troubled}
    return [told for a in troubled for told in (sentences[a.name][:1] if a.error else sentences[a.name][-1:])]


def _troubles(store: Store, account: AccountState, now: datetime) -> list[str]:
    sentences = []
    if account.error is not None and account.snapshot is not None:
        old = age(account.snapshot.observed_at, now)
        sentences.append(
            f"{account.name}: shown as it was {old} ago. {_and_now(account.error, account.next_try_at, now)}"
        )
    elif account.error is not None and store.services():
        sentences.append(f"{account.name}: {_and_now(account.error, account.next_try_at, now)}")
    if account.snapshot is not None:
        sentences.extend(f"{account.name}: {problem}" for problem in account.snapshot.problems)
    return sentences


def clocks(engine: Engine) -> list[str]:
    """A sentence for each account whose clock is not ours."""
    return [
        f"{skewed(name, seconds)}: ages and times of its things are by its clock."
        for name in engine.store.accounts
        if (seconds := engine.skew(name).seconds) is not None and abs(seconds) > SAID_S
    ]


def skewed(whose: str, seconds: float) -> str:
    """'gitlab's clock is 43s behind this machine's'"""
    return (
        f"{whose}'s clock is {duration(round(abs(seconds)))} {'ahead of' if seconds > 0 else 'behind'} this machine's"
    )


def _clock(engine: Engine, account: str) -> Spans:
    seconds = engine.skew(account).seconds
    if seconds is None or abs(seconds) <= SAID_S:
        return []
    return [(f" clock {'+' if seconds > 0 else '-'}{duration(round(abs(seconds)))}", "alert")]


def absent(whole: str, read: str, *caveats: str) -> str:
    """Return `whole`, which calls something absent, where there are no caveats; else `read`, which says so only of what
    was read, and the caveats."""
    told = [each for each in caveats if each]
    return f"{read} · {' · '.join(told)}." if told else whole


def no_services(store: Store, now: datetime) -> list[str]:
    """What stands in the services pane while it has no rows."""
    lines = []
    for account in store.accounts.values():
        match account.phase(now):
            case Phase.LOADING:
                lines.append(f"Asking {account.title} for the services of {account.name} …")
            case Phase.FAILED if account.error is not None:
                lines.append(f"{account.name}: {_and_now(account.error, account.next_try_at, now)}")
            case _:
                whole = (
                    f"{account.name} has no services that this token sees. Deploy one on {account.title}, "
                    "or look at `projects` in the configuration; `deckwatch check` tells what the token sees."
                )
                read = f"No service of {account.name} in what was read"
                lines.append(absent(whole, read, caveat(store, now, [account.name])))
    return lines


def no_deployments(timeline: Timeline, service: Service, caveat_: str) -> list[str]:
    """What stands in the timeline while it has no rows; `caveat_` is its account's."""
    if timeline.error is not None:
        return [f"The deployments of {service.name} could not be read: {timeline.error} ctrl+r tries again."]
    if timeline.loading or timeline.observed_at is None:
        return [f"Reading the deployments of {service.name} …"]
    if unread := [*timeline.problems, *([service.doubt] if service.doubt else [])]:
        return [f"No deployment of {service.name} could be read.", *unread]
    whole = f"{service.name} was never deployed. a d deploys it."
    return [absent(whole, f"No deployment of {service.name} in what was read", caveat_)]


def busy(actions: ActionService, now: datetime) -> Mapping[Ref, str]:
    """A word for each service's row on which an action from here is under way."""
    return {lease: _row_word(action, now) for lease, action in actions.running.items()}


def _row_word(action: Action, now: datetime) -> str:
    word = _phase_word(action, now)
    by_itself = action.status is not None and action.phase is not ActionPhase.UNKNOWN
    return f"›{word}" if by_itself else f"{action.intent.verb} {word}"


def _phase_word(action: Action, now: datetime) -> str:
    if action.phase is ActionPhase.UNKNOWN:
        return "unknown"
    if action.settles_at is not None:
        return f"settling {_countdown(action.settles_at, now)}"
    if action.status is not None and action.phase is ActionPhase.ACCEPTED:
        return status_word(action.status, "")
    return str(action.phase)


def _countdown(at: datetime, now: datetime) -> str:
    left_s = max(0, round((at - now).total_seconds()))
    return f"{left_s // 60}:{left_s % 60:02}"


def action_line(engine: Engine, now: datetime) -> Spans:
    """The newest action under way and how many more there are; or the last one that ended a short while ago."""
    actions = engine.actions
    batch = actions.batch
    is_last = batch is not None and (not batch.ended or actions.recent[0].intent in batch.intents)
    if batch is not None and is_last and (told := _batch_line(batch, now)):
        return told
    if not actions.recent:
        return _earlier(engine.recheck.told, now)
    under_way = actions.under_way
    action = under_way[0] if under_way else actions.recent[0]
    more = f" +{len(under_way) - 1}" if len(under_way) > 1 else ""
    what = f"{action.intent.verb} {action.intent.service.name}"
    if action.ended_at is not None:
        if (now - action.ended_at).total_seconds() > TOLD_S:
            return []
        sign, style = _ENDED[action.ok]
        unknown = "unknown: " if action.ok is None else ""
        end = f" {sign} {what}: {unknown}{action.message or action.phase} "
        return [(end, style), *_undo_offer(engine, action)]
    taken = duration((now - action.asked_at).total_seconds())
    if action.overdue_at is not None:
        return [(f" ? {what}: not known yet: {action.message}; still followed{more} ", "approval")]
    if action.phase is ActionPhase.UNKNOWN:
        return [(f" ? {what}: unknown: the answer was lost; watching {taken}{more} ", "approval")]
    made = f" {action.deployment.id[:12]}" if action.deployment is not None and action.status is not None else ""
    message = f" {action.message}" if action.message and action.status is None else ""
    return [(f" ▹ {what}: {_phase_word(action, now)}{made}{message} {taken}{more} ", "flight")]


def notice(said: Span, action: Spans, trouble: Spans, width: int, *, just_said: bool) -> tuple[Spans, Spans]:
    """Left the answer to a key, right what goes on. While the answer is new it is whole, and the other one is cut."""
    if not said[0]:
        return action or trouble, []
    room = width - cell_len(said[0])
    if not just_said or sum(cell_len(text) for text, _ in action) <= room:
        return [said], action
    return [said], side_by_side(action, [], room) if room >= _LEAST else []


def _earlier(told: Sequence[AuditEntry], now: datetime) -> Spans:
    """What became of what an earlier session left open, for a while after the start."""
    if not told or (now - told[-1].at).total_seconds() > TOLD_S:
        return []
    entry = next((each for each in told if not each.ok), told[-1])
    sign, style = _ENDED[entry.ok]
    more = f" +{len(told) - 1}, A tells" if len(told) > 1 else ""
    return [(f" {sign} {entry.verb} {entry.target.rpartition('/')[2]} of before: {entry.message}{more} ", style)]


def _undo_offer(engine: Engine, action: Action) -> Spans:
    """While there is a way back."""
    if isinstance(undo_of(Done.of(action), engine.actions, engine.store), str):
        return []
    return [(" U", "key"), (" takes it back ", "dim")]


def _batch_line(batch: Batch, now: datetime) -> Spans:
    """How far those confirmed together are: the board's one line for all of them."""
    ended = max((each.ended_at for each in batch.actions if each.ended_at), default=None)
    if batch.ended and (ended is None or (now - ended).total_seconds() > TOLD_S):
        return []
    parts = [f"{len(batch.done)}/{len(batch.intents)} done"]
    if batch.running:
        parts.append(f"{len(batch.running)} running")
    if batch.waiting:
        parts.append(f"{batch.waiting} to ask")
    if batch.stopped:
        left = len(batch.intents) - len(batch.actions)
        parts.append(f"stopped: {batch.stopped}" + (f", {left} not asked" if left else ""))
    bad = bool(batch.stopped)
    sign = "▹" if not batch.ended else "✗" if bad else "✓"
    style = "flight" if not batch.ended else "bad" if bad else "live"
    return [(f" {sign} {batch.verb} {', '.join(parts)} ", style)]


def status_bar(engine: Engine, now: datetime, width: int) -> tuple[Spans, Spans]:
    """Left what wants attention, right each account's freshness and budget, shorter where there is no room."""
    store = engine.store
    acknowledged = sum(each.acknowledged is not None for each in engine.attention.alerts())
    left = [(" ", ""), *tally(store.services(), acknowledged, caveat(store, now))]
    full: Spans = []
    for account in store.accounts.values():
        clock_ = _clock(engine, account.name)
        full += [*freshness(account, engine.budgets[account.name].view(), now), *clock_, ("  ", "")]
    if engine.actions.read_only:
        full.append(("READ-ONLY ", "alert"))
    if sum(len(text) for text, _ in full) <= max(width * 0.6, width - 40):
        return left, full
    short: Spans = []
    for account in store.accounts.values():
        spans = freshness(account, engine.budgets[account.name].view(), now)
        short += [*(spans if is_old(account, now) else spans[:2]), *_clock(engine, account.name), (" ", "")]
    return left, short


def _head(number: int, title: str, *, focused: bool) -> Spans:
    return [(f"{'▌' if focused else ' '}{number} {title} ", "tab-chosen" if focused else "heading")]


def services_head(services: int, *, focused: bool, more: bool) -> tuple[Spans, Spans]:
    """`more`: there may be others than those that were read."""
    number = "" if more and not services else f"{count(services)}{'+' if more else ''} "
    return _head(1, "Services", focused=focused), [(number, "dim")]


def timeline_head(
    service: Service | None, timeline: Timeline | None, now: datetime, *, focused: bool, instant: datetime | None = None
) -> tuple[Spans, Spans]:
    left = _head(2, "Timeline", focused=focused)
    if service is None:
        return left, []
    left += [(f" {service.name}", "strong"), (f" {service.environment_name}", "dim")]
    live, newest = revisions(service)
    if service.live is not None and newest:
        left.append((f"  live {live or 'not known'}, newest {newest}", "dim"))
    right: Spans = []
    if timeline is not None:
        if timeline.error is not None and timeline.deployments:
            right = [(f"not read: {why(timeline.error, now)} ", "alert")]
        elif timeline.loading and timeline.observed_at is None:
            right = [("reading … ", "dim")]
        elif timeline.observed_at and (now - timeline.observed_at).total_seconds() > 600:
            right = [(f"read {age(timeline.observed_at, now)} ago ", "alert")]
        else:
            more = "+" if timeline.next or timeline.problems else ""
            right = [(f"{count(len(timeline.deployments))}{more} ", "dim")]
            if timeline.problems:
                right.insert(0, ("some not read ", "alert"))
    if instant is not None:
        right = [(f"at {clock(instant, now)}, f: now ", "notice"), *right]
    return left, right


def keys_bar(actions: Sequence[KeyAction], width: int) -> Spans:
    """As many of the footer's keys as fit, those that matter most first."""
    spans: Spans = []
    for action in sorted((each for each in actions if each.footer), key=lambda each: each.footer):
        key, label = f"{'  ' if spans else ' '}{action.keys[0]}", f" {action.label}"
        if (width := width - len(key) - len(label)) < 0:
            break
        spans += [(key, "key"), (label, "dim")]
    return spans


def clock(at: datetime, now: datetime | None = None) -> str:
    """A time of day here; where `now` is given, '02:40', '02:40:07', or '21 Aug 02:40' when it was on another day."""
    here = at.astimezone()
    if now is None:
        return f"{here:%H:%M:%S}"
    day = "" if here.date() == now.astimezone().date() else f"{here.day} {here:%b} "
    return f"{day}{here:%H:%M:%S}" if here.second else f"{day}{here:%H:%M}"
