from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.engine.log_patterns import BUCKET_US, LINE, Change, Pattern, PatternBook, PatternScan, mask, since_deployment
from tui.engine.log_records import Notice
from tui.engine.log_store import LogLimits, LogStore
from tui.model.log import Level, LogGap, LogLine

AT = 1_755_828_847_000_000  # 2025-08-22T02:14:07Z
SECOND = 1_000_000


def book_of(texts: Iterable[str], *, level: Level = Level.INFO, capacity: int = 2_000) -> PatternBook:
    book = PatternBook(capacity)
    for number, text in enumerate(texts):
        book.add(text, level, AT + number * SECOND, number)
    return book


def texts(book: PatternBook) -> set[str]:
    return {pattern.text for pattern in book.patterns()}


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("payment failed for order 8812: timeout after 3000ms", "payment failed for order <*>: timeout after <*>"),
        ("took 18ms, 1.9s, 1,234 rows, 93%", "took <*>, <*>, <*> rows, <*>%"),
        ("at 2026-08-22T02:14:07.123Z and 02:14:07,123", "at <*> and <*>"),
        ("from 10.0.3.7:41822 and fe80::1ff:fe23:4567:890a", "from <*> and <*>"),
        ("request 0b7ac1de-face-beef-9fab-abcdefabcdef done", "request <*> done"),
        ("intent pi_3f9a21 captured, job-77 queued", "intent pi_<*> captured, job-<*> queued"),
        ("digest sha256:9f86d081884c7d65", "digest sha256:<*>"),
        ("GET /v1/orders/ab12cd HTTP/1.1", "GET /v1/orders/<*> HTTP/1.1"),
        ("utf8 s3 oauth2 http2 k8s", "utf8 s3 oauth2 http2 k8s"),
        ("no digits, nothing hidden", "no digits, nothing hidden"),
    ],
)
def test_what_varies_is_masked_and_words_are_kept(text: str, masked: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize("text", ['"POST /v1/orders HTTP/1.1" {} Internal', "done status={} ms", "{} POST /v1/orders"])
def test_a_status_is_kept_where_it_is_one(text: str) -> None:
    assert mask(text.format(500)) != mask(text.format(200))


@pytest.mark.parametrize(
    "pair",
    [
        ("user ann@acme.example signed in", "user bob@shop.example signed in"),
        ("GET https://a.example/stock?sku=hat&page=2", "GET https://a.example/stock?sku=coat&page=3"),
        (
            "session eyJhbGciOiJIUzI1NiJ9AAAAAAAAAAAAAAAAAAAAAAA ok",
            "session eyXhbGciOiJIUzM1NiJ9BBBBBBBBBBBBBBBBBBBBBBB ok",
        ),
        ("order 12ab34cd accepted", "order feedface accepted"),
    ],
)
def test_addresses_queries_and_ids_without_digits_are_variables_too(pair: tuple[str, str]) -> None:
    assert len(book_of(pair)) == 1


def test_few_words_that_differ_stay_patterns_of_their_own() -> None:
    book = book_of(["payment 17 captured", "payment 18 refused", "payment 19 captured"])
    assert texts(book) == {"payment <*> captured", "payment <*> refused"}


def test_a_word_with_many_values_becomes_a_variable_and_what_it_was_before_becomes_part_of_it() -> None:
    names = [f"{first}{last}" for first in "abcdef" for last in ("nn", "ob", "arol", "ave")]
    book = book_of([f"user={name}, logged in from the office" for name in names])
    [pattern] = book.patterns()
    assert pattern.text == "user=<*>, logged in from the office"
    assert (pattern.count, pattern.first_number, pattern.last_number) == (len(names), 0, len(names) - 1)
    assert sum(pattern.counts.values()) == len(names)


def test_a_variable_is_not_taken_for_a_word() -> None:
    book = book_of(["connection 12", "connection closed", "connection 13"])
    assert texts(book) == {"connection <*>", "connection closed"}


def test_a_pattern_knows_its_worst_level_and_where_it_begins_and_ends() -> None:
    book = PatternBook()
    for number, level in ((3, Level.INFO), (9, Level.ERROR), (12, Level.WARN)):
        book.add(f"attempt {number}", level, AT + number * SECOND, number)
    [pattern] = book.patterns()
    assert (pattern.level, pattern.count) == (Level.ERROR, 3)
    assert (pattern.first_number, pattern.last_number) == (3, 12)
    assert (pattern.first_us, pattern.last_us) == (AT + 3 * SECOND, AT + 12 * SECOND)


def test_a_line_without_a_time_counts_at_the_time_before_it() -> None:
    book = PatternBook()
    book.add("Traceback", Level.ERROR, AT, 0)
    book.add("  in main", Level.ERROR, None, 1)
    assert [pattern.last_us for pattern in book.patterns()] == [AT, AT]


def test_lines_without_any_time_are_counted() -> None:
    book = PatternBook()
    book.add("hello", Level.INFO, None, 0)
    [pattern] = book.patterns()
    assert (pattern.count, pattern.first_us, pattern.spark(10)) == (1, None, [])


def test_the_least_recent_pattern_is_forgotten_counted_and_not_new_when_it_comes_back() -> None:
    words = [f"{a}{b}" for a in "ghijklmnop" for b in "qrstuvwxyz"]
    book = book_of([f"{word} happened" for word in words], capacity=40)
    assert len(book) <= 40
    assert book.forgotten == len(words) - len(book)
    assert sum(pattern.count for pattern in book.patterns()) + book.forgotten_lines == len(words)
    assert book.add(f"{words[0]} happened", Level.INFO, AT, 500).first_number == 0


def test_a_row_of_counts_covers_the_time_of_a_pattern() -> None:
    book = PatternBook()
    for number in range(100):
        book.add("tick", Level.INFO, AT + number * BUCKET_US, number)
    [pattern] = book.patterns()
    assert pattern.spark(10) == [10] * 10
    assert len(pattern.spark(500)) == 100


_WORDS = st.sampled_from(
    ["a", "user", "=", '"', "'", "12", "0x1f", "feed", "@", "?", "&", "-", ":", "…", "é", "漢", "\t", "<*>", "/", ","]
)


@given(st.one_of(st.text(max_size=700), st.lists(_WORDS, max_size=400).map("".join)))
def test_masking_takes_any_text_and_is_short(text: str) -> None:
    assert len(mask(text)) <= 3 * LINE + 2


@given(
    st.lists(st.one_of(st.text(max_size=40), st.lists(_WORDS, max_size=12).map(" ".join)), max_size=120),
    st.integers(2, 50),
)
def test_counts_add_up_and_equal_lines_share_a_pattern(lines: Sequence[str], capacity: int) -> None:
    book = PatternBook(capacity)
    for number, line in enumerate(lines):
        first = book.add(line, Level.INFO, AT, 2 * number)
        assert book.add(line, Level.INFO, AT, 2 * number + 1) is first
        assert len(book) <= capacity
    assert sum(pattern.count for pattern in book.patterns()) + book.forgotten_lines == 2 * len(lines) == book.lines


@given(st.lists(st.lists(st.sampled_from("abcd"), min_size=3, max_size=5), min_size=30, max_size=200))
def test_no_two_patterns_have_the_same_text(lines: list[list[str]]) -> None:
    """Whatever was generalised absorbed what it matches."""
    book = book_of(" ".join(words) for words in lines)
    assert len(texts(book)) == len(book)
    assert sum(pattern.count for pattern in book.patterns()) == len(lines)


# since a deployment


def lived(minutes: int = 10) -> PatternBook:
    """A line each second; the deployment comes in the middle, with an error, a warning and more retries."""
    book, number = PatternBook(), 0
    for second in range(minutes * 60):
        after = second >= minutes * 30
        lines = [(f"order {second} accepted", Level.INFO)]
        if second % 30 == 0 or (after and second % 3 == 0):
            lines.append((f"retrying {second}", Level.WARN))
        if after and second % 7 == 0:
            lines.append((f"column tax_region does not exist (order {second})", Level.ERROR))
            lines.append(("coupon is deprecated", Level.WARN))
            lines.append((f"tax by region is on, {second} regions", Level.INFO))
        if not after:
            lines.append((f"legacy checkout of {second}", Level.INFO))
        for text, level in lines:
            book.add(text, level, AT + second * SECOND, number)
            number += 1
    return book


def test_new_errors_come_first_then_new_warnings_then_what_grew() -> None:
    since = since_deployment(lived(), AT + 300 * SECOND)
    assert [(change.kind, change.pattern.text) for change in since.changes] == [
        (Change.NEW, "column tax_region does not exist (order <*>)"),
        (Change.NEW, "coupon is deprecated"),
        (Change.NEW, "tax by region is on, <*> regions"),
        (Change.MORE, "retrying <*>"),
        (Change.SAME, "order <*> accepted"),
        (Change.GONE, "legacy checkout of <*>"),
    ]
    assert since.words() == "1 new error, 1 new warning, 1 other new pattern, 1 more often"
    assert since.known_before > 300
    assert since.known_before_s == 300
    grown = since.changes[3]
    assert grown.before == pytest.approx(10, abs=1)
    assert grown.after > 80


def test_windows_are_equal_on_both_sides() -> None:
    since = since_deployment(lived(), AT + 500 * SECOND)
    assert since.window_s <= 100
    steady = next(change for change in since.changes if change.pattern.text == "order <*> accepted")
    assert steady.before == since.window_s
    assert steady.after == pytest.approx(since.window_s, abs=10)  # the newest bucket is not full yet


def test_the_number_of_the_rule_decides_where_there_is_one() -> None:
    book = PatternBook()
    book.add("old words", Level.INFO, AT, 0)
    book.add("late words of the old one", Level.INFO, AT - SECOND, 2)
    book.add("new words", Level.INFO, AT + SECOND, 3)
    kinds = {change.pattern.text: change.kind for change in since_deployment(book, AT + SECOND // 2, 1).changes}
    assert kinds == {
        "old words": Change.SAME,
        "late words of the old one": Change.NEW,
        "new words": Change.NEW,
    }


def test_without_lines_from_before_nothing_is_called_new() -> None:
    since = since_deployment(lived(), AT, 0)
    assert {change.kind for change in since.changes} == {Change.UNKNOWN}
    assert since.words() == "nothing held from before: cannot tell"


def test_an_empty_book_says_that_it_cannot_tell() -> None:
    since = since_deployment(PatternBook(), AT)
    assert (since.changes, since.known_before) == ((), 0)
    assert since.words() == "nothing held from before: cannot tell"


def test_nothing_new_is_said_too() -> None:
    book = book_of(f"order {number} accepted" for number in range(600))
    assert since_deployment(book, AT + 300 * SECOND).words() == "nothing new"


def test_a_pattern_is_a_plain_value() -> None:
    pattern = Pattern("x", 3, Level.INFO, AT, AT, 0, 2, {AT // BUCKET_US: 3})
    assert pattern.within(AT // BUCKET_US, AT // BUCKET_US + 1) == 3
    assert pattern.within(0, AT // BUCKET_US) == 0


# over a store


def test_a_scan_reads_lines_only_and_goes_on_with_what_came_since() -> None:
    store = LogStore()
    at = datetime.fromtimestamp(AT / SECOND, UTC)
    store.append(LogLine(at, "\x1b[31morder 1 refused\x1b[0m", Level.ERROR, attributes={"took_ms": "12"}))
    store.append(Notice(at, "reconnected"))
    store.append(LogGap(at, "dropped"))
    scan = PatternScan(store)
    assert scan.step(1.0)
    store.append(LogLine(None, "order 2 refused", Level.WARN, attributes={"took_ms": "15"}))
    assert not scan.done
    assert scan.step(1.0)
    [pattern] = scan.book.patterns()
    assert (pattern.text, pattern.count, pattern.level) == ("order <*> refused took_ms=<*>", 2, Level.ERROR)
    assert (pattern.first_number, pattern.last_number, pattern.last_us) == (0, 3, AT)


def test_a_slice_ends_when_its_time_is_up_and_what_was_dropped_meanwhile_is_counted() -> None:
    store = LogStore(LogLimits(lines=2000))
    for number in range(2000):
        store.append(LogLine(None, f"order {number} accepted"))
    scan = PatternScan(store)
    assert not scan.step(0.0)
    read = scan.number
    assert 0 < read < 2000
    for number in range(3000):
        store.append(LogLine(None, f"order {number} accepted"))
    while not scan.step(0.0):
        pass
    assert scan.missed == store.first - read > 0
    [pattern] = scan.book.patterns()
    assert pattern.count == 5000 - scan.missed
