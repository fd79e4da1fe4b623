"""Rows of one log and of several: keys that stay, order by time, what a filter keeps, jumps."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.entities import NOW, deployment
from tui.engine.log_records import Rule
from tui.engine.log_rows import LogRows, Source
from tui.engine.log_store import LogLimits, LogStore
from tui.model.log import Level, LogLine
from tui.model.log_filter import parse
from tui.model.text_match import find


def line(text: str, at_s: float | None = 0.0, level: Level = Level.INFO) -> LogLine:
    return LogLine(None if at_s is None else NOW + timedelta(seconds=at_s), text, level)


def store(*lines: LogLine, limits: LogLimits | None = None) -> LogStore:
    made = LogStore(limits)
    for each in lines:
        made.append(each)
    return made


def worked(rows: LogRows) -> LogRows:
    rows.catch_up()
    while rows.work(1.0):
        pass
    return rows


def texts(rows: LogRows) -> list[str]:
    entries = [rows.entry(rows.key(index)) for index in range(len(rows))]
    return [each.text if isinstance(each, LogLine) else type(each).__name__ for each in entries]


def test_one_log_is_its_lines_and_their_numbers() -> None:
    held = store(line("a"), line("b"))
    rows = worked(LogRows([Source(held)]))
    assert texts(rows) == ["a", "b"]
    assert (rows.first, rows.last, rows.arrived) == (0, 1, 0)
    held.append(line("c"))
    assert rows.catch_up()
    assert not rows.catch_up()
    assert (rows.last, rows.arrived) == (2, 1)


def test_several_logs_are_one_by_time() -> None:
    api = store(line("a1", 1), line("a4", 4))
    web = store(line("w2", 2), line("w3", 3), line("w5", 5))
    rows = worked(LogRows([Source(api, "api"), Source(web, "web")]))
    assert texts(rows) == ["a1", "w2", "w3", "a4", "w5"]
    assert [rows.where(rows.key(index))[0].label for index in range(5)] == ["api", "web", "web", "api", "web"]


def test_what_comes_late_goes_to_its_place_and_the_keys_of_the_others_stay() -> None:
    api, web = store(line("a1", 1)), store(line("w9", 9))
    rows = worked(LogRows([Source(api, "api"), Source(web, "web")]))
    key = rows.last
    assert key is not None
    api.append(line("a5", 5))
    rows.catch_up()
    assert texts(rows) == ["a1", "a5", "w9"]
    assert rows.last == key
    assert rows.entry(key) == line("w9", 9)


def test_a_line_a_little_older_than_the_one_before_stays_behind_it_and_one_much_older_does_not() -> None:
    api = store(line("a10", 10), line("jitter", 9.5), line("late", 1), line("timeless", None))
    web = store(line("w9", 9.8))
    rows = worked(LogRows([Source(api, "api"), Source(web, "web")]))
    assert texts(rows) == ["late", "w9", "a10", "jitter", "timeless"]


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 60), st.booleans()), max_size=30), min_size=2, max_size=4),
    st.integers(0, 30),
)
def test_merging_loses_and_repeats_nothing_however_it_comes(
    logs: list[list[tuple[int, bool]]], held_before: int
) -> None:
    stores = [LogStore() for _ in logs]
    for held, entries in zip(stores, logs, strict=True):
        for number, (second, _) in enumerate(entries[:held_before]):
            held.append(line(f"{number}", second))
    rows = LogRows([Source(held, str(which)) for which, held in enumerate(stores)])
    rows.catch_up()
    for which, (held, entries) in enumerate(zip(stores, logs, strict=True)):
        for number, (second, timed) in enumerate(entries[held_before:], min(held_before, len(entries))):
            held.append(line(f"{number}", second if timed else None))
            if (number + which) % 2:
                rows.catch_up()
    worked(rows)
    keys = [rows.key(index) for index in range(len(rows))]
    assert keys == sorted(set(keys))
    places = sorted((rows.source_index(key), rows.where(key)[1]) for key in keys)
    assert places == [(which, number) for which, entries in enumerate(logs) for number in range(len(entries))]


def test_a_filter_keeps_its_lines_in_one_log_and_in_several() -> None:
    api = store(line("good", 1), line("bad a", 2, Level.ERROR))
    web = store(line("bad w", 1.5, Level.FATAL), line("fine", 3))
    for sources, kept in (([Source(api)], ["bad a"]), ([Source(api, "api"), Source(web, "web")], ["bad w", "bad a"])):
        rows = LogRows(sources)
        rows.keep(parse("level>=error", NOW))
        assert texts(worked(rows)) == kept
        api_end = api.end
        rows.keep(None)
        assert len(worked(rows)) == sum(len(each.store) for each in sources)
        assert api.end == api_end


def test_what_comes_is_filtered_as_it_comes() -> None:
    api = store(line("one"))
    rows = LogRows([Source(api)])
    rows.keep(parse("bad", NOW))
    worked(rows)
    api.append(line("bad luck"))
    api.append(line("good luck"))
    rows.catch_up()
    worked(rows)
    assert texts(rows) == ["bad luck"]
    assert rows.arrived == 1


def test_matches_are_counted_and_walked_among_what_the_filter_shows() -> None:
    api = store(*(line(f"{'bad' if n % 2 else 'good'} thing {n}", n) for n in range(10)))
    rows = LogRows([Source(api)])
    rows.find(find("thing"))
    assert worked(rows).matches == 10
    rows.keep(parse("bad", NOW))
    worked(rows)
    assert rows.matches == 5
    assert rows.next_match(9, -1) == 7
    assert rows.next_match(7, 1) == 9
    assert rows.next_match(9, 1) is None
    assert rows.nth_match(7) == 4


def test_jumps_in_merged_logs_find_the_nearest_of_all() -> None:
    api = store(line("a", 1), line("boom a", 2, Level.ERROR), line("a", 7))
    web = store(line("w", 1.5), line("boom w", 4, Level.ERROR), line("w", 8))
    web.append(Rule(NOW + timedelta(seconds=9), deployment("d")))
    rows = worked(LogRows([Source(api, "api"), Source(web, "web")]))
    rows.find(find("boom"))
    worked(rows)
    end = rows.last
    assert end is not None
    last = rows.next_error(end, -1)
    assert last is not None
    assert rows.entry(last) == line("boom w", 4, Level.ERROR)
    assert rows.next_match(end, -1) == last
    first = rows.next_error(last, -1)
    assert first is not None
    assert rows.entry(first) == line("boom a", 2, Level.ERROR)
    assert rows.next_error(first, 1) == last
    assert rows.next_error(first, -1) is None
    assert rows.next_rule(first, 1) == end


def test_a_time_is_a_place() -> None:
    api, web = store(line("a1", 1), line("a5", 5)), store(line("w3", 3))
    second = int(NOW.timestamp()) * 1_000_000
    for rows in (LogRows([Source(api)]), LogRows([Source(api, "api"), Source(web, "web")])):
        worked(rows)
        at = rows.at_time(second + 2_000_000)
        assert at is not None
        assert rows.entry(at) in (line("a5", 5), line("w3", 3))
        beyond = rows.at_time(second + 99_000_000)
        assert beyond == rows.last


def test_marks_are_gone_round() -> None:
    api, web = store(line("a1", 1), line("a5", 5)), store(line("w3", 3))
    sources = [Source(api, "api"), Source(web, "web")]
    rows = worked(LogRows(sources))
    assert rows.next_mark(0, 1) is None
    sources[0].marks[1] = "here"
    sources[1].marks[0] = ""
    first = rows.next_mark(0, 1)
    assert first is not None
    assert rows.entry(first) == line("w3", 3)
    second = rows.next_mark(first, 1)
    assert second is not None
    assert rows.entry(second) == line("a5", 5)
    assert rows.next_mark(second, 1) == first


def test_what_the_store_dropped_goes_from_the_front() -> None:
    limits = LogLimits(lines=64)
    api, web = store(limits=limits), store(line("w", 0))
    rows = LogRows([Source(api, "api"), Source(web, "web")])
    for number in range(1000):
        api.append(line(f"{number}", number))
        if number % 50 == 0:
            rows.catch_up()
    worked(rows)
    first = rows.first
    assert first is not None
    assert rows.holds(first)
    assert len(rows) <= 2 + 64 + 1000
