"""The story's bad deployment, seen through patterns and figures: it is found without reading a line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tui.demo.clock import MINUTE
from tui.demo.flows import merged
from tui.demo.story import frozen_world
from tui.demo.world import World
from tui.engine.http_figures import HttpScan, Trend, compare
from tui.engine.log_patterns import Change, PatternScan, since_deployment
from tui.engine.log_store import LogStore
from tui.model.log import HttpRequest, Level, LogLine

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def world() -> World:
    return frozen_world(platforms=("railway",))


def test_the_missing_column_is_the_first_new_pattern(world: World) -> None:
    bad, before = world.service("shop/production/checkout").deployments[:2]
    store = LogStore()
    boundary = bad.lines.begins
    assert boundary is not None
    for line in merged([before.lines, bad.lines], boundary - 20 * MINUTE, world.now):
        at = EPOCH + timedelta(microseconds=line.at // 1000)
        store.append(LogLine(at, line.text, Level[line.level.upper()], line.owner))
    scan = PatternScan(store)
    while not scan.step(1.0):
        pass
    since = since_deployment(scan.book, boundary // 1000)
    new = [change.pattern.text for change in since.changes if change.kind is Change.NEW]
    assert any("column orders.tax_region does not exist" in text for text in new[:3])
    assert any("charging the default rate" in text for text in new)
    same = [change.pattern.text for change in since.changes if change.kind is not Change.NEW]
    assert "payment intent pi_<*> captured" in same


def test_the_tax_route_is_the_one_that_got_worse(world: World) -> None:
    bad, before = world.service("shop/production/checkout").deployments[:2]
    store = LogStore()
    boundary = bad.requests.begins
    assert boundary is not None
    for each in merged([before.requests, bad.requests], boundary - 20 * MINUTE, world.now):
        store.append(
            HttpRequest(
                EPOCH + timedelta(microseconds=each.at // 1000),
                each.id,
                each.method,
                each.path,
                each.status,
                each.duration_ms,
                deployment=each.owner,
            )
        )
    scan = HttpScan(store)
    while not scan.step(1.0):
        pass
    compared = compare(scan.book, boundary // 1000, bad.id)
    worse = [change.route for change in compared.routes if change.trend is Trend.WORSE]
    assert worse == ["POST /v1/checkout/:id/tax"]
    assert compared.errors is compared.latency is Trend.WORSE
