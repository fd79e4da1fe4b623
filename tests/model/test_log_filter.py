"""The filter language: what holds, what it is written as, and what is said of a mistake."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.entities import NOW, service
from tui.engine import log_records
from tui.engine.log_store import LogStore
from tui.model.log import HttpRequest, Level, LogEntry, LogGap, LogLine, searchable
from tui.model.log_filter import HELP, FilterError, LogFilter, Term, parse

LINE = LogLine(
    NOW,
    "\x1b[31mPOST\x1b[m /orders failed: user=ann took=3.5 Connection refused",
    Level.ERROR,
    deployment="7f3a-4b",
    instance="i-77",
    attributes={"order": "17", "latency": "4.25", "http.route": "/Orders"},
)
REQUEST = HttpRequest(
    NOW, "R1aF", "POST", "/checkout/cart", 502, 820, "10.0.3.4", "shop.example", 12_000, "curl/8", "7f3a-4b", "i-77",
    "upstream reset",
)  # fmt: skip


def holds(text: str, entry: LogEntry = LINE) -> bool:
    return parse(text, NOW).holds(entry, service("web", project="shop"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", True),
        ("refused", True),
        ("REFUSED", False),
        ("Connection", True),
        ("refused absent", False),
        ("-absent", True),
        ("-refused", False),
        ('"connection refused"', True),
        ('"refused connection"', False),
        ('-"connection refused"', False),
        ("/orders", True),  # no regular expression: nothing closes it
        ("/user=[a-c]nn/", True),
        ("/user=[a-c]nn$/", False),
        (r"/\/orders failed|gone/", True),
        ("-/fail.d/", False),
        ("POST /orders", True),  # across its colours
        ("order=17", True),  # as an attribute
        ("level>=warn", True),
        ("level:warn", True),
        ("level=warn", False),
        ("level=error", True),
        ("level:err", True),
        ("level>error", False),
        ("level<=info", False),
        ("level:info..warn", False),
        ("-level:warn", False),
        ("level:>=warn", True),
        ("@order:17", True),
        ("@order=17", True),
        ("@order:1*", True),
        ("@order:1", False),
        ("@order:18", False),
        ("-@order:17", False),
        ("@order>=17", True),
        ("@order:10..20", True),
        ("order:17", True),
        ("@latency>=3", True),
        ("latency>4.25", False),
        ("@user:ann", False),  # in the text, no attribute
        ("user:ann", True),
        ("user=Ann", False),
        ("user:ann*", True),
        ("took>=3", True),
        ("took<3", False),
        ("@http.route:/orders", True),
        ("@http.route=/orders", False),
        ("deployment:7f3a", True),
        ("deployment:4b", False),
        ("instance:i-", True),
        ("service:web", True),
        ("service:WEB", False),
        ("service:api", False),
        ("service:shop/production", True),
        ("-service:web", False),
        ("status>=500", False),  # a line without one
        ("-status>=500", True),
        ("since:10m", True),
        ("until:10m", False),
        ("since:2026-08-22T02:14:07Z until:2026-08-22T02:14:07Z", True),
        ("since:2026-08-22T02:14:08Z", False),
        ("context:3", True),
        ("std::io", False),
        ("http://gone", False),
        ("vec<u8>", False),
        ("refused:", False),
        ("refused -", False),
    ],
)
def test_lines(text: str, expected: bool) -> None:
    assert holds(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("status>=500", True),
        ("status:5xx", True),
        ("status=5xx", True),
        ("status:4xx", False),
        ("status:502", True),
        ("status:500..503", True),
        ("status:500..", True),
        ("status:..499", False),
        ("status<5xx", False),
        ("-status:5xx", False),
        ("method:post", True),
        ("method=GET", False),
        ("path:/check", True),
        ("path:/cart", False),
        ("path:cart", True),
        ("path:/Checkout", False),
        ("path=/checkout", False),
        ("path=/checkout/cart", True),
        ("path:/checkout/*", True),
        ("path:/*/cart", True),
        ("path:*/checkout", False),
        ("duration>500ms", True),
        ("duration>=0.82s", True),
        ("duration>1s", False),
        ("duration:800..900", True),
        ("duration<500us", False),
        ("bytes>=10k", True),
        ("bytes>1M", False),
        ("ip:10.0.3.4", True),
        ("ip:10.0.3", False),
        ("ip:10.0.", True),
        ("host:shop", True),
        ("agent:curl", True),
        ("id:R1aF", True),
        ("id:R1a", False),
        ("level>=error", True),
        ("level=warn", False),
        ("upstream", True),
        ("-upstream", False),
        ("502", True),
        ("/^502 POST/", True),
        ("@order:17", False),
        ("deployment:7f3a instance:i-77", True),
    ],
)
def test_requests(text: str, expected: bool) -> None:
    assert holds(text, REQUEST) is expected


def test_structured_lines_of_an_access_log_have_the_fields_of_requests() -> None:
    line = LogLine(NOW, "request", attributes={"status": "503", "method": "get", "path": "/cart", "duration": "1.5s"})
    assert holds("status:5xx method:GET path:/cart duration>1s", line)
    assert not holds("status:4xx", line)
    assert holds("level=info", line)


def test_gaps_and_lines_without_a_time_are_not_filtered_away_by_time() -> None:
    assert holds("absent", LogGap(NOW, "gone", 3))
    assert holds("since:10m", LogLine(None, "x"))
    assert not holds("since:10m", replace(LINE, at=NOW - timedelta(minutes=11)))


def test_what_others_need_of_a_filter() -> None:
    made = parse("level>=warn Timeout -healthz status>=500 /a|b/ since:10m until:02:12 context:2 level<fatal", NOW)
    assert [match.words for match in made.texts] == ["Timeout", "a|b"]
    assert [match.words for match in made.absent] == ["healthz"]
    assert made.levels == {Level.WARN, Level.ERROR}
    assert made.least_level is Level.WARN
    assert made.since == NOW - timedelta(minutes=10)
    assert made.since_us == round(made.since.timestamp() * 1e6)
    assert made.context == 2
    assert [(term.field, term.low, term.high) for term in made.fields] == [("status", 500, 500)]
    assert not made.empty
    assert parse("  ", NOW).empty
    assert parse("since:10m since:5m", NOW).since == NOW - timedelta(minutes=5)


@pytest.mark.parametrize(
    ("text", "message", "position"),
    [
        (
            "x level>=wrn",
            "There is no level 'wrn'. There are: trace, debug, info, warn, error, fatal.",
            2,
        ),
        ("levl:warn", "There is no field 'levl'. Write level:warn, or @levl:warn for an attribute.", 0),
        ("a -stats>=500", "There is no field 'stats'. Write status>=500, or @stats>=500 for an attribute.", 2),
        ("status:abc", "'abc' is no number that status has: status>=500 would do.", 0),
        ("duration>5h", "'5h' is no number that duration has: duration>500ms would do.", 0),
        ("method>POST", "method does not compare with >: method:POST would do.", 0),
        ("since:", "since: needs a value: since:10m until:02:40 would do.", 0),
        (
            "since:soon",
            "'soon' is not a time. Write how long ago (35m, 24h, 2d), a time of day (02:40), "
            "or a date and time (2026-08-22T02:40:00Z).",
            0,
        ),
        ("-since:10m", "Write until:10m for the opposite of since:10m.", 0),
        ("context:many", "context takes a number of lines up to 1000: context:2 would do.", 0),
        ('x "open', 'The quotation has no end: a " is missing.', 2),
        ('""', 'Between the quotes stands nothing: "connection reset" would be found.', 0),
        ("a OR b", "OR joins no terms: for either of two write /one|other/. To find the word, quote it.", 2),
        ("NOT b", "NOT joins no terms: write a - in front of one. To find the word, quote it.", 0),
        ("status!=200", "Write -status=200: a - in front of a term is its opposite.", 0),
        ("@order>=many", "'many' is no number: @order>=3 would do.", 0),
        ("x /ab(c/", "'ab(c' is not a regular expression: missing )", 7),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place_and_what_would_be_right(text: str, message: str, position: int) -> None:
    with pytest.raises(FilterError) as raised:
        parse(text, NOW)
    assert (str(raised.value), raised.value.position) == (message, position)


def test_a_filter_is_written_in_one_way() -> None:
    text = 'status:>=500  "timeout"  "two words" -"a\\"b" /x\\/y/ path:"/a b" @a:1 since:10m  timeout'
    assert str(parse(text, NOW)) == 'status>=500 timeout "two words" -"a\\"b" /x\\/y/ path:"/a b" @a:1 since:10m'


def parsed(text: str) -> tuple[LogFilter, FilterError | None]:
    """An empty filter where there is an error."""
    try:
        return parse(text, NOW), None
    except FilterError as error:
        return LogFilter(), error


WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=6)
TERMS = st.one_of(
    WORDS,
    WORDS.map(lambda word: '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'),
    st.sampled_from([example for example, _ in HELP]),
    st.tuples(st.sampled_from(["", "@"]), st.sampled_from(["key", "path", "ip", "a.b"]), st.sampled_from(":=<>"), WORDS)
    .map("".join),
)  # fmt: skip


@settings(max_examples=400)
@given(st.lists(st.tuples(st.sampled_from(["", "-"]), TERMS).map("".join), max_size=4).map(" ".join))
def test_what_was_written_means_the_same_when_it_is_read_again(text: str) -> None:
    made, _ = parsed(text)
    assert parse(str(made), NOW) == made
    made.holds(LINE)
    made.holds(REQUEST)


@given(st.text(st.sampled_from('ab-/"\\@:=<>.*() '), max_size=12))
def test_no_text_breaks_the_parser(text: str) -> None:
    _, error = parsed(text)
    assert error is None or (0 <= error.position <= len(text) and str(error))


def test_help_tells_of_every_field_with_examples_that_are_right() -> None:
    made = [term for example, _ in HELP for term in parse(example, NOW).terms]
    told = {term.field for term in made}
    assert told >= {
        "level", "status", "method", "path", "duration", "bytes", "ip", "host", "agent", "id", "service", "deployment",
        "instance", "since", "until", "context",
    }  # fmt: skip


NAMES = st.sampled_from(["order", "status", "path", "method"])
VALUES = st.sampled_from(["17", "POST", "/Checkout/cart", "502", "x=3", "", "a b"])
LINES = st.builds(
    LogLine,
    st.just(NOW),
    st.sampled_from(["status=502 ok", "plain", "method=POST path=/checkout", "\x1b[1mstatus\x1b[m=7"]),
    attributes=st.dictionaries(NAMES, VALUES, max_size=2),
)
REQUESTS = st.builds(
    HttpRequest,
    at=st.just(NOW),
    id=st.just("r"),
    method=st.sampled_from(["GET", "post"]),
    path=st.sampled_from(["/", "/checkout", "/Checkout/17"]),
    status=st.sampled_from([0, 99, 200, 404, 500, 599, 600, 5021]),
    duration_ms=st.integers(0, 2000),
    client_ip=st.sampled_from(["", "10.0.3.4"]),
    detail=st.sampled_from(["", "reset "]),
)
QUERIES = st.sampled_from(
    [
        "status>=500", "status<500", "status:5xx", "status>599", "method:post", "path:/check", "path=/Checkout/17",
        "path:*17", "path:/Check*/cart", "ip:10.0.", "@order:17", "order:17", "order>3", "status:..99", "method=GET",
    ]
)  # fmt: skip


@given(QUERIES, LINES | REQUESTS)
def test_where_a_term_holds_its_text_is_found(query: str, entry: LogLine | HttpRequest) -> None:
    [term] = parse(query, NOW).terms
    assert isinstance(term, Term)
    assert term.text is not None
    if term.holds(entry):
        assert term.text.found(searchable(entry))


@given(LINES | REQUESTS)
def test_the_store_searches_the_text_that_a_filter_looks_at(entry: LogLine | HttpRequest) -> None:
    store = LogStore()
    store.append(entry)
    assert store.scan(0).text == searchable(entry) + "\n" == log_records.searchable(entry) + "\n"


def test_times_are_told_from_now_which_is_a_parameter() -> None:
    assert parse("since:1h", datetime(2026, 1, 1, tzinfo=UTC)).since == datetime(2025, 12, 31, 23, tzinfo=UTC)
