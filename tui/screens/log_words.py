"""What the log pane says: its head, and what stands there while it has no lines. Values in, words out."""

from __future__ import annotations

import textwrap
from datetime import datetime
from typing import TYPE_CHECKING

from rich.cells import cell_len

from tui.engine.log_tail import LogTail, TailPhase
from tui.model.entities import Deployment, Service
from tui.model.log import LogGap, LogKind
from tui.widgets.format import age, count, duration, plural
from tui.widgets.line_widget import Span
from tui.widgets.log_text import Form, gap_span

if TYPE_CHECKING:
    from tui.engine.http_figures import Comparison, Summary
    from tui.screens.log_pane import LogPane

Spans = list[Span]
_WIDE, _MEDIUM = 140, 100


def no_lines(pane: LogPane, service: Service | None, now: datetime, width: int) -> tuple[str, ...]:
    """What stands in the log pane while it has no lines."""
    sentence = _no_lines(pane, service)
    return tuple(textwrap.wrap(sentence, width))


def _no_lines(pane: LogPane, service: Service | None) -> str:
    if pane.rows.filter is not None and any(len(each.store) for each in pane.rows.sources):
        held = sum(len(each.store) for each in pane.rows.sources)
        if pane.rows.searching:
            return f"Filtering {plural(held, 'line')}: {pane.rows.progress:.0%} …"
        return f"None of {plural(held, 'line')} is kept by {pane.rows.filter}. & and an empty filter shows all."
    if len(pane.tails) > 1:
        return f"Opening the {pane.kind} logs of {plural(len(pane.tails), 'service')} …"
    if service is None:
        return "Choose a service to see its logs."
    tail = pane.tail
    if tail is None:
        return f"Opening the log of {service.name} …"
    kind = tail.source.kind
    match tail.phase:
        case TailPhase.CONNECTING:
            return f"Opening the {kind} log of {service.name} …"
        case TailPhase.LIVE:
            return f"No {kind} lines of {service.name} yet. They appear here as they come."
        case TailPhase.RECONNECTING:
            return f"The {kind} log broke off: {tail.error} Trying again by itself."
        case TailPhase.ENDED:
            return f"The {kind} log of {service.name} is empty and ended. [ and ] change to another log."
        case TailPhase.FAILED:
            return f"{tail.error} [ and ] change to another log."


def head(
    pane: LogPane,
    service: Service | None,
    kind: LogKind,
    pinned: Deployment | None,
    now: datetime,
    *,
    focused: bool,
    width: int,
) -> tuple[Spans, Spans]:
    left: Spans = [(f"{'▌' if focused else ' '}3 Logs ", "tab-chosen" if focused else "heading")]
    for each in LogKind:
        name = "HTTP" if each is LogKind.HTTP else str(each)
        left.append((f"[{name}]" if each is kind else f" {name} ", "tab-chosen" if each is kind else "tab"))
    if len(pane.tails) > 1:
        left.append((f"  merged: {', '.join(each.label for each in pane.rows.sources)}", "strong"))
    elif service is not None and width >= 100:
        left.append((f"  {service.name}", "strong"))
        left.append((f" {service.environment_name}", "dim"))
    if pinned is not None:
        left.append((f"  only {pinned.revision.short if pinned.revision else pinned.id[:8]}", "approval"))
    return left, [*_found(pane, width), *_tails(pane.tails, now), *meter(pane, width), *_view_state(pane, width)]


def meter(pane: LogPane, width: int) -> Spans:
    """Whether these lines are all there are: gaps, what the platform dropped and what we did, how late they come."""
    if not pane.tails or all(tail.phase in (TailPhase.CONNECTING, TailPhase.FAILED) for tail in pane.tails):
        return []
    told = [tail.completeness for tail in pane.tails]
    open_ = [gap for each in told for gap in each.open]
    spans: list[str] = []
    if number := sum(each.open_count for each in told):
        spans.append(_gaps(number, open_[0] if open_ else None, Form(pane.view.stamps), width))
    dropped, uncounted = sum(each.platform_dropped for each in told), sum(each.uncounted for each in told)
    if dropped or uncounted:
        number_of = f"{count(dropped)}{'+' if uncounted else ''}" if dropped else "?"
        spans.append(f"{'platform dropped' if width >= _WIDE else 'drops'} {number_of}")
    if lost := sum(each.lost for each in told):
        spans.append(f"{count(lost)} lost")
    if ours := sum(each.store.dropped for each in pane.rows.sources):
        spans.append(f"{'dropped here' if width >= _WIDE else 'here'} {count(ours)}")
    if spans:
        whole: Spans = [(" · ".join(spans), "alert")]
    elif any(tail.phase is TailPhase.RECONNECTING for tail in pane.tails):
        return []  # nobody knows yet
    else:
        whole = [("no history" if any(each.older for each in told) else "complete", "dim")]
    if pane.view.following and (late := _lag(pane.tails)):
        whole.append((f" · {late}", "dim"))
    return [*whole, ("  ", "")]


def _gaps(number: int, first: LogGap | None, form: Form, width: int) -> str:
    if number > 1 or first is None:
        return plural(number, "gap")
    if width >= _WIDE:
        return f"gap {gap_span(first, form)}".rstrip()
    if width >= _MEDIUM and first.at is not None and first.until is not None:
        return f"gap {duration((first.until - first.at).total_seconds())}"
    return "gap"


def _lag(tails: tuple[LogTail, ...]) -> str:
    """Of the log that is furthest behind."""
    told = [tail.lag_s for tail in tails if tail.phase is TailPhase.LIVE and tail.has_news]
    known = [seconds for seconds in told if seconds is not None]
    return f"lag {lag(max(known))}" if known else "lag ?" if told else ""


def lag(seconds: float) -> str:
    """In steps, so that it stands still while little changes."""
    if seconds < 10:
        return "<1s" if seconds < 1 else f"{int(seconds)}s"
    return duration(seconds // 10 * 10)


def figures(summary: Summary, comparison: Comparison | None) -> tuple[Spans, Spans]:
    """The requests of the last minute, and what the deployment changed."""
    from tui.engine.http_figures import Trend, percent

    if not summary.requests:
        return [(" no requests yet", "dim")], []
    p50, p95, p99 = (f"{value:,.0f}" if value is not None else "-" for value in (summary.p50, summary.p95, summary.p99))
    left: Spans = [
        (f" {summary.per_s:,.1f}/s ", "strong"),
        (f" 5xx {percent(summary.error_share)} ", "level-error" if summary.error_share else "dim"),
        (f" 4xx {percent(summary.client_error_share)} ", "level-warn" if summary.client_error_share else "dim"),
        (f" p50 {p50}  p95 {p95}  p99 {p99} ms", ""),
    ]
    if comparison is None:
        return left, []
    style = {Trend.WORSE: "bad", Trend.BETTER: "live"}.get(comparison.trend, "dim")
    return left, [(f" {comparison.words()} ", style)]


def _found(pane: LogPane, width: int) -> Spans:
    """What is filtered and searched, and how much of it there is."""
    rows, spans = pane.rows, []
    if rows.filter is not None:
        told = _cut(str(rows.filter), max(10, width // 5))
        spans.append((f"& {told} {count(rows.kept)}{'…' if rows.searching else ''}  ", "approval"))
    if rows.match is not None and pane.sought:
        at = rows.nth_match(pane.view.cursor) if pane.view.cursor is not None else 0
        of = f"{count(at)} of " if at else ""
        busy = f"… {rows.progress:.0%}" if rows.searching else ""
        spans.append((f"/{_cut(pane.sought, max(10, width // 6))} {of}{count(rows.matches)}{busy}  ", "approval"))
    if rows.error:
        spans.append((f"{rows.error}  ", "bad"))
    return spans


def _cut(text: str, cells: int) -> str:
    return text if cell_len(text) <= cells else text[: cells - 1] + "…"


def _tails(tails: tuple[LogTail, ...], now: datetime) -> Spans:
    if len(tails) == 1:
        return _tail_state(tails[0], now)
    spans: Spans = []
    for phases, told, style in (
        ((TailPhase.CONNECTING,), "connecting", "waiting"),
        ((TailPhase.RECONNECTING,), "CUT", "alert"),
        ((TailPhase.FAILED,), "no log", "bad"),
    ):
        if number := sum(tail.phase in phases for tail in tails):
            spans.append((f"{number} of {len(tails)} {told} ", style))
    return spans


def _tail_state(tail: LogTail, now: datetime) -> Spans:
    match tail.phase:
        case TailPhase.CONNECTING:
            return [("connecting ", "waiting")]
        case TailPhase.LIVE:
            return []
        case TailPhase.RECONNECTING:
            return [(f"CUT {age(tail.since, now).removeprefix('now')}, reconnecting ".replace(" ,", ","), "alert")]
        case TailPhase.ENDED:
            return [("ended ", "dim")]
        case TailPhase.FAILED:
            return [("no log ", "bad")]


def _view_state(pane: LogPane, width: int) -> Spans:
    view = pane.view
    if not pane.tails:
        return []
    spans: Spans = []
    if view.selected_from is not None:
        spans.append(("selecting: y copies ", "approval"))
    if view.following:
        spans.append(("● following ", "live"))
    else:
        spans.append((f"‖ paused +{count(view.new_below)} new ", "alert"))
    if view.raw:
        spans.append(("raw ", "dim"))
    if view.left:
        spans.append((f"→{view.left} ", "dim"))
    if told := next((each.store.spool_error for each in view.rows.sources if each.store.spool_error), ""):
        spans.append((f"{told} ", "alert"))
    if width >= 100 and not view.following:
        spans.append((f"{plural(len(view.rows), 'line')} ", "dim"))
    return spans
