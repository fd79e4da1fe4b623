"""The requests of a service by route: how many, how they end, how long they take; against the deployment before."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import ClassVar

from msgspec import Struct
from textual.binding import Binding, BindingType

from tui.engine.http_figures import NOT_FOUND, OTHER, Figures, Order, RouteChange, Trend, percent
from tui.model.entities import Service
from tui.screens.digest_sheet import DigestSheet
from tui.screens.log_pane import LogPane
from tui.widgets.format import count, duration, plural
from tui.widgets.line_table import LineTable
from tui.widgets.line_widget import Span

_WIDE = 90  # columns for all the figures
_TRENDS = {Trend.WORSE: ("worse ", "bad"), Trend.NEW: ("new   ", "approval"), Trend.BETTER: ("better", "live")}


class RouteRow(Struct, frozen=True):
    route: str
    figures: Figures
    change: RouteChange | None


class Routes(LineTable[RouteRow]):
    starts_at_top: ClassVar[bool] = True

    def key(self, item: RouteRow) -> Hashable | None:
        return item.route

    def row(self, item: RouteRow, width: int) -> tuple[list[Span], str]:
        figures = item.figures
        trend = item.change.trend if item.change else Trend.SAME
        tag, style = _TRENDS.get(trend, ("      ", ""))
        p50, p95, p99 = (f"{value:.0f}" if value is not None else "" for value in figures.quantiles(0.5, 0.95, 0.99))
        spans: list[Span] = [
            (f" {tag} ", style),
            (f"{count(figures.requests):>8} ", "strong"),
            (f"{percent(figures.error_share):>6} ", "level-error" if figures.server_errors else "dim"),
        ]
        if width >= _WIDE:
            spans.append(
                (f"{percent(figures.client_error_share):>6} ", "level-warn" if figures.client_errors else "dim")
            )
            spans.append((f"{p50:>6} ", ""))
        spans.append((f"{p95:>6} ", ""))
        if width >= _WIDE:
            spans.append((f"{p99:>6} ", ""))
        spans.append((f" {item.route}", "strong" if trend is Trend.WORSE else ""))
        if item.change is not None and trend is Trend.WORSE and width >= 100:
            before, after = item.change.before, item.change.after
            spans.append((f"  5xx {percent(before.error_share)} -> {percent(after.error_share)}", "approval"))
            was, now = before.quantile(0.95), after.quantile(0.95)
            if was is not None and now is not None:
                spans.append((f", p95 {was:.0f} -> {now:.0f} ms", "approval"))
        return spans, ""


def heads(width: int) -> str:
    if width < _WIDE:
        return f" {'':6} {'requests':>8} {'5xx':>6} {'p95':>6}  route"
    return f" {'':6} {'requests':>8} {'5xx':>6} {'4xx':>6} {'p50':>6} {'p95':>6} {'p99':>6}  route"


class RoutesSheet(DigestSheet[str]):
    """Returns a filter for the requests of the route taken."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("o", "order", show=False),
        Binding("ampersand", "take", show=False),
    ]
    what = "Requests"
    reads: ClassVar[Mapping[str, bool]] = {"requests": True}
    nothing = "no requests yet"
    foot = "enter only its requests · o order · esc back"

    def __init__(self, logs: LogPane, service: Service | None) -> None:
        super().__init__(logs, service)
        self.order = Order.REQUESTS
        self.table = Routes(id="routes")

    def told(self) -> tuple[str, str, Sequence[RouteRow]]:
        digest, boundary = self.digest, self.logs.boundary(self.service)
        changes: dict[str, RouteChange] = {}
        told = "no deployment is known to compare with"
        if boundary is not None and self.logs.before is not None:
            told = "reading the requests of the deployment before …"
        elif boundary is not None:
            comparison = digest.comparison(boundary)
            changes = {each.route: each for each in comparison.routes}
            told = comparison.words()
            if comparison.trend is not Trend.UNKNOWN:
                told += f", {duration(comparison.window_s)} on both sides"
        routes = digest.http.book.routes(self.order)
        rows = [RouteRow(each.route, each.figures, changes.get(each.route)) for each in routes]
        if self.order is Order.REQUESTS:  # what became worse is why one looks
            rows.sort(key=lambda row: row.change is None or row.change.trend is not Trend.WORSE)
        return f"{plural(len(rows), 'route')} by {self.order}. {told}", heads(self.table.size.width), rows

    def action_order(self) -> None:
        orders = list(Order)
        self.order = orders[(orders.index(self.order) + 1) % len(orders)]
        self.reread()

    def action_take(self) -> None:
        if (item := self.table.current()) is not None:
            self.dismiss(_as_filter(item.route))


def _as_filter(route: str) -> str:
    if route == NOT_FOUND:
        return "status:404..405"
    if route == OTHER:
        return ""
    method, _, path = route.partition(" ")
    return f"method={method} path:{path.replace(':id', '*').removesuffix('/…')}"
