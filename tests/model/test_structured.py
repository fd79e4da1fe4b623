from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.shared import CASES, needs_cases
from tui.model.log import Level, LogLine
from tui.model.structured import LONGEST, structured

NOW = datetime(2026, 8, 22, 2, 14, 7, tzinfo=UTC)
HARMFUL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
SGR = re.compile(r"\x1b\[[0-9;:]*m")


def read(text: str, at: datetime | None = NOW) -> LogLine:
    return structured(LogLine(at, text))


def test_a_json_line_is_its_message_level_and_fields_in_their_order() -> None:
    text = (
        '{"level":"error","time":"2026-08-22","msg":"no answer","zone":"eu","try":3,"peer":{"a":[1,null]},"ok":false}'
    )
    line = read(text)
    assert (line.text, line.level, line.raw, line.at) == ("no answer", Level.ERROR, text, NOW)
    assert list(line.attributes.items()) == [("zone", "eu"), ("try", "3"), ("peer", '{"a":[1,null]}'), ("ok", "false")]


def test_its_own_time_stays_where_the_platform_gives_none() -> None:
    assert read('{"msg":"x","ts":12.5}', at=None).attributes == {"ts": "12.5"}


def test_what_the_platform_said_of_a_line_stays() -> None:
    line = structured(LogLine(NOW, '{"msg":"x","a":1}', attributes={"stream": "stderr"}, deployment="d", instance="i"))
    assert line.attributes == {"a": "1", "stream": "stderr"}
    assert (line.deployment, line.instance) == ("d", "i")


@pytest.mark.parametrize(
    ("said", "level"),
    [
        ('"level":"WARNING"', Level.WARN),
        ('"severity":"Critical"', Level.FATAL),
        ('"lvl":"dbg"', Level.DEBUG),
        ('"level":10', Level.TRACE),
        ('"level":30', Level.INFO),
        ('"level":60', Level.FATAL),
        ('"level":"50"', Level.ERROR),
    ],
)
def test_levels_are_known_by_name_and_by_number(said: str, level: Level) -> None:
    line = read(f'{{"msg":"x",{said}}}')
    assert (line.level, line.attributes) == (level, {})


@pytest.mark.parametrize("said", ["true", "7", "-3", '"loud"', "null", "[]", "1e3", '"²²"', "99999999999999999999"])
def test_a_level_that_is_none_stays_a_field(said: str) -> None:
    line = structured(LogLine(NOW, f'{{"msg":"x","level":{said}}}', Level.WARN))
    assert line.level is Level.WARN
    assert list(line.attributes) == ["level"]


@pytest.mark.parametrize(
    "text",
    [
        "plain words",
        "",
        "{",
        "{not json}",
        '{"msg":"cut',
        '{"a":1} and more',
        '{"status":200}',
        "[1,2]",
        '{"msg":' + "[" * 5000 + "]" * 5000 + "}",
        '{"msg":"' + "x" * LONGEST + '"}',
        "level=error",
        "a=b c=d",
        "msg=hello world level=error",
        'level=info msg="never closed',
    ],
)
def test_anything_else_is_the_line_itself(text: str) -> None:
    line = LogLine(NOW, text)
    assert structured(line) is line


def test_a_logfmt_line_is_read_too() -> None:
    line = read(r'time=2026-08-22T02:14:07Z level=error msg="no \"answer\"" peer=10.0.0.1:80 empty= took="1.5 s"')
    assert (line.text, line.level) == ('no "answer"', Level.ERROR)
    assert line.attributes == {"peer": "10.0.0.1:80", "empty": "", "took": "1.5 s"}


def test_a_message_of_several_lines_becomes_one() -> None:
    assert read(json.dumps({"msg": "first\nsecond\r\nthird\n"})).text == "first second third"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["msg", "level", "ts", "k"]) | st.text(), json_values, max_size=6))
def test_no_control_comes_out_of_a_json_string(fields: dict[str, object]) -> None:
    line = read(json.dumps(fields))
    for text in (line.text, *line.attributes, *line.attributes.values()):
        assert not HARMFUL.search(SGR.sub("", text))


@given(st.text(alphabet=st.sampled_from('{}[]":,=\\ abmsglevel01.\u202e\x1b'), max_size=60))
def test_no_line_is_too_odd(text: str) -> None:
    line = structured(LogLine(NOW, text))
    assert line.text == text or line.raw == text


@needs_cases
def test_the_lines_that_were_handed_over_are_errors_but_for_two() -> None:
    rows = (CASES / "15-structured-errors.log").read_text().splitlines()
    calm = [row for row in rows if structured(LogLine(None, row)).level < Level.ERROR]
    assert calm == ["begin", "end"]


@pytest.mark.parametrize(
    ("text", "level", "message"),
    [
        ('{"severity":"WARN","severityNumber":13,"body":"otel"}', Level.WARN, "otel"),
        ('{"severity_number":9,"body":"otel"}', Level.INFO, "otel"),
        ('{"version":"1.1","short_message":"gelf","level":3}', Level.ERROR, "gelf"),
        ('{"level":30,"msg":"pino"}', Level.INFO, "pino"),
        ('{"level":"info","error":"none","msg":"calm"}', Level.INFO, "calm"),
        ('{"@t":"2026-12-01T00:00:00Z","@m":"clef without a level"}', Level.INFO, "clef without a level"),
        ('{"timestamp":"x","level":"WARN","fields":{"message":"slow","ms":7}}', Level.WARN, "slow"),
        ('2026-12-01T00:00:00Z {"level":"warn","msg":"behind a time"}', Level.WARN, "behind a time"),
        ('level=info msg="ok" retry', Level.INFO, "ok"),
        ("at=info method=GET path=/ status=200", Level.INFO, ""),
    ],
)
def test_what_libraries_write_has_its_level_and_message(text: str, level: Level, message: str) -> None:
    found = structured(LogLine(None, text))
    assert (found.level, found.text) == (level, message)
    assert found.raw == text


@pytest.mark.parametrize(
    "text", ["a = b and level of it", "x=1 is a word", "{not json}", 'said {"a": 1} once', "key=value"]
)
def test_what_only_looks_like_an_object_stays_a_line(text: str) -> None:
    assert structured(LogLine(None, text)) == LogLine(None, text)
