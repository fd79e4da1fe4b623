"""What a log's lines come to, against the deployment before: held in the log itself, or read beside it."""

from __future__ import annotations

from datetime import timedelta

from tests.entities import NOW, deployment
from tui.engine.http_figures import Trend
from tui.engine.log_digest import LogDigest
from tui.engine.log_patterns import ELSEWHERE, Change
from tui.engine.log_records import Rule
from tui.engine.log_rows import Source
from tui.engine.log_store import LogStore
from tui.model.log import HttpRequest, Level, LogEntry, LogLine

NEW = deployment("new")


def line(second: float, text: str, level: Level = Level.INFO) -> LogLine:
    return LogLine(NOW + timedelta(seconds=second), text, level)


def request(second: float, status: int = 200, by: str = "new") -> HttpRequest:
    return HttpRequest(NOW + timedelta(seconds=second), f"{second}", "GET", "/a", status, 20, deployment=by)


def store(*entries: LogEntry | Rule) -> LogStore:
    made = LogStore()
    for each in entries:
        made.append(each)
    return made


def digest(held: LogStore) -> LogDigest:
    return LogDigest((Source(held),))


def read(made: LogDigest, **what: bool) -> LogDigest:
    while made.work(1.0, **what):
        pass
    return made


def test_a_deployment_that_begins_in_the_log_is_held_against_the_lines_before_it() -> None:
    held = store(*(line(n, f"served {n}") for n in range(60)), Rule(NOW + timedelta(seconds=60), NEW))
    held.extend([line(60 + n, f"served {n}") for n in range(60)])
    held.append(line(90, "boom", Level.ERROR))
    made = digest(held)
    boundary = made.boundary(None)
    assert boundary is not None
    assert (boundary.number, boundary.held, boundary.enough) == (60, 60, True)
    _ = made.patterns
    since = read(made).since(boundary)
    assert (since.changes[0].kind, since.changes[0].pattern.text) == (Change.NEW, "boom")
    assert since.known_before == 60


def test_where_nothing_older_is_held_the_log_of_the_deployment_before_is_what_came_before() -> None:
    held = store(*(line(n, f"served {n}") for n in range(100)), line(50, "boom", Level.ERROR))
    made = digest(held)
    boundary = made.boundary(NEW)
    assert boundary is not None
    assert not boundary.enough
    a_day_ago = -86_400
    before = store(*(line(a_day_ago + n, f"served {n}") for n in range(100)), line(a_day_ago, "gone by"))
    made.compare_with(before, boundary)
    _ = made.patterns
    changes = {each.pattern.text: each for each in read(made).since(boundary).changes}
    assert changes["boom"].kind is Change.NEW
    assert changes["served <*>"].kind is Change.SAME
    assert changes["served <*>"].pattern.count == 200
    assert changes["served <*>"].pattern.last_number == 99
    assert changes["gone by"].pattern.last_number == ELSEWHERE


def test_requests_are_compared_over_equal_windows_however_long_ago_the_others_were() -> None:
    held = store(*(request(n, 500 if n % 4 == 0 else 200) for n in range(300)))
    before = store(*(request(n - 90_000, by="old") for n in range(600)))
    made = digest(held)
    boundary = made.boundary(NEW)
    assert boundary is not None
    assert "can't tell" in read(made, requests=True).comparison(boundary).words()
    made.compare_with(before, boundary)
    comparison = read(made, requests=True).comparison(boundary)
    assert comparison.errors is Trend.WORSE
    assert comparison.words().startswith("5xx 0% -> 25%")
    assert abs(comparison.before.requests - comparison.after.requests) <= 20


def test_a_log_without_times_or_a_service_without_a_live_deployment_has_no_boundary() -> None:
    assert digest(store(LogLine(None, "x"))).boundary(NEW) is None
    assert digest(store(line(0, "x"))).boundary(None) is None
    assert digest(LogStore()).boundary(NEW) is None


def test_an_empty_log_of_the_deployment_before_changes_nothing() -> None:
    made = digest(store(line(0, "x")))
    boundary = made.boundary(NEW)
    assert boundary is not None
    made.compare_with(LogStore(), boundary)
    _ = made.patterns
    assert read(made).since(boundary).words() == "nothing held from before: cannot tell"


def test_volume_of_several_logs_adds_up() -> None:
    one = store(*(line(n, "x") for n in range(100)))
    two = store(*(line(n, "y", Level.ERROR) for n in range(50, 150)))
    made = LogDigest((Source(one), Source(two)))
    volume = read(made, volume=True).volume(20)
    assert sum(volume.total) == 200
    assert sum(volume.error) == 100
    assert len(volume.total) <= 20


def test_what_comes_later_is_read_later() -> None:
    held = store(line(0, "x"))
    made = digest(held)
    assert sum(read(made, volume=True).volume(10).total) == 1
    held.append(line(1, "y"))
    assert sum(read(made, volume=True).volume(10).total) == 2
