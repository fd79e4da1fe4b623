"""What the timeline of everything says: its head, and the deployment at the cursor. Values in, words out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tui.model.moment import from_microseconds
from tui.model.status import Status
from tui.screens.words import Spans, clock
from tui.widgets.format import LOOKS, age, count, duration, plural, status_word
from tui.widgets.lane_cells import Bar, Mark, mark_style, never_started
from tui.widgets.lanes import LaneRow
from tui.widgets.time_axis import SECOND_US, Axis, zoom_words


def instant(at_us: int, now: datetime) -> str:
    """'02:14:07', with its day where that is not today."""
    at, today = from_microseconds(at_us).astimezone(), now.astimezone().date()
    return f"{at:%H:%M:%S}" if at.date() == today else f"{at:%a %d %b %H:%M:%S}"


def span(seconds: float) -> str:
    """A length of time in its two biggest units: '42s', '12m07s', '3h05m', '6d04h'."""
    whole = int(seconds)
    return duration(whole) if whole < 86400 else f"{whole // 86400}d{whole % 86400 // 3600:02}h"


def head(
    axis: Axis,
    at_us: int | None,
    now: datetime,
    *,
    filters: Sequence[str],
    progress: tuple[int, int],
    unread: int,
    told: str,
) -> tuple[Spans, Spans]:
    """Left the window, right the cursor's instant. `at_us` None: it stays at now."""
    left: Spans = [("▌4 Timeline of everything ", "tab-chosen"), (f" {zoom_words(axis.zoom)} ", "strong")]
    left += [(f" {each} ", "rule") for each in filters]
    done, of = progress
    if done < of:
        left.append((f" reading {count(done)} of {count(of)} services ", "alert"))
    elif unread:
        left.append((f" {count(unread)} not read back to here ", "alert"))
    left.append((f" {told}", "dim"))
    if at_us is None:
        return left, [(f" now {clock(now)} ", "strong")]
    ago_s = (now.timestamp() * SECOND_US - at_us) / SECOND_US
    ago = f"{span(ago_s)} ago" if ago_s >= 0 else f"{span(-ago_s)} ahead"
    return left, [(f" {instant(at_us, now)} ", "strong"), (f"{ago} ", "")]


def bottom(
    row: LaneRow, bar: Bar | None, here: Sequence[Bar], marks: Sequence[Mark], at_us: int, now: datetime
) -> list[Spans]:
    """Two lines: the deployment, and what there is to say of it besides. `here` are those of the cursor's column."""
    if bar is None:
        read = "No deployment of it in what was read." if row.lane.since_us is not None else "Not read yet."
        return [[(f" {row.path}: {read}", "dim")], _besides(row, None, (), marks, now)]
    deployment = bar.deployment
    look = LOOKS[deployment.status]
    word = status_word(deployment.status, deployment.status_raw)
    where = _where(bar, here, at_us)
    spans: Spans = [(f" {where}", "dim")] if where else [(" ", "")]
    spans += [(f"{look.sign} {word} ", look.style), (f"{row.name} ", "strong")]
    begun = from_microseconds(bar.begin_us)
    spans.append((f"{instant(bar.begin_us, now)} ", ""))
    if begun <= now:
        spans.append((f"{_ago(begun, now)} ", "dim"))
    else:
        spans.append((f"{span((begun - now).total_seconds())} ahead of this machine's clock ", "alert"))
    spans.append((_took(bar, now), ""))
    revision = deployment.revision
    if revision is not None:
        spans.append((f"{revision.short} ", "link"))
    who = (revision.author if revision else None) or deployment.creator or ""
    told = [each for each in (who, revision.message if revision else None) if each]
    spans.append((" ".join(told), ""))
    return [spans, _besides(row, bar, here, marks, now)]


def _ago(at: datetime, now: datetime) -> str:
    ago = age(at, now)
    return ago if ago == "now" else f"{ago} ago"


def _where(bar: Bar, here: Sequence[Bar], at_us: int) -> str:
    """How the deployment lies to the cursor, where it is not the only one under it."""
    if not here:
        apart_s = abs(bar.begin_us - at_us) / SECOND_US
        return f"nearest, {span(apart_s)} {'before' if bar.begin_us < at_us else 'after'} the cursor: "
    return (
        f"{1 + [each.deployment.ref for each in here].index(bar.deployment.ref)} of {len(here)} here: "
        if len(here) > 1
        else ""
    )


def _took(bar: Bar, now: datetime) -> str:
    status = bar.deployment.status
    if bar.end_us is None:
        since = span(max(0.0, (now - from_microseconds(bar.begin_us)).total_seconds()))
        return f"{'waits' if status in (Status.NEEDS_APPROVAL, Status.QUEUED, Status.WAITING) else 'runs'} {since} "
    if never_started(bar.deployment):
        return "never started "
    return (
        f"took {span((bar.end_us - bar.begin_us) / SECOND_US)} " if bar.end_us > bar.begin_us else "duration unknown "
    )


def _besides(row: LaneRow, bar: Bar | None, here: Sequence[Bar], marks: Sequence[Mark], now: datetime) -> Spans:
    """What was done from here; why it waits or failed; what else is in the column; what started it; what is missing."""
    spans: Spans = [(f" {mark.letter} {instant(mark.at_us, now)} {mark.text} ", mark_style(mark.ok)) for mark in marks]
    if bar is not None:
        deployment = bar.deployment
        waits = deployment.awaits if deployment.status is Status.NEEDS_APPROVAL else ""
        if note := waits or deployment.note:
            spans.append((f" {note} ", "bad" if deployment.status.bad else "approval"))
        if others := _others(bar, here):
            spans.append((f" {others} ", "strong"))
        if deployment.trigger:
            spans.append((f" by {deployment.trigger} ", "dim"))
        branch = deployment.revision.branch if deployment.revision else None
        spans += [(f" {each} ", "dim") for each in (branch, row.path) if each]
    if row.lane.undated:
        spans.append((f" {plural(len(row.lane.undated), 'deployment')} without a time", "alert"))
    if row.problem:
        spans.append((" not all of its past could be read ", "alert"))
    return spans


def _others(bar: Bar, here: Sequence[Bar]) -> str:
    """'also here: 1 failed, 2 replaced'."""
    words: dict[str, int] = {}
    for each in here:
        if each.deployment.ref != bar.deployment.ref:
            word = status_word(each.deployment.status, each.deployment.status_raw)
            words[word] = words.get(word, 0) + 1
    return "also here: " + ", ".join(f"{number} {word}" for word, number in words.items()) if words else ""
