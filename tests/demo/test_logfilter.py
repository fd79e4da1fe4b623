"""The log filter language, on lines and on requests."""

from __future__ import annotations

import pytest

from tests.demo.client import Json
from tui.demo.entities import Deployment
from tui.demo.railway.logfilter import keeps_line, keeps_request, parse_filter
from tui.demo.scripts import Line
from tui.demo.story import frozen_world
from tui.demo.traffic import Request

WORLD = frozen_world()
OWNER = WORLD.service("shop/production/api").active[0]
LINE = Line(1, "POST /orders failed: connection refused", "error", "i-1", (("status", 503), ("path", "/v1")), OWNER.id)
REQUEST = Request(
    1,
    "r1",
    "POST",
    "/v1/orders",
    "api.example",
    502,
    820,
    817,
    "203.0.113.9",
    "curl/8",
    "eu",
    10,
    20,
    "",
    "reset",
    "i",
    "d",
)


def find(id_: str) -> Deployment:
    return WORLD.deployment(id_)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("failed", True),
        ("FAILED orders", True),
        ("failed absent", False),
        ('"connection refused"', True),
        ('"refused connection"', False),
        ("absent OR refused", True),
        ("absent OR gone", False),
        ("failed AND refused", True),
        ("failed AND NOT", False),
        ("-failed", False),
        ("failed -absent", True),
        ('-"connection refused"', False),
        ("(absent OR failed) refused", True),
        ("(absent OR failed) gone", False),
        ("-(absent OR gone)", True),
        ("@level:error", True),
        ("@level:err", True),
        ("@level:warn", False),
        ("-@level:error", False),
        ("@status:503", True),
        ("@status:>=500", True),
        ("@status:<500", False),
        ("@status:500..599", True),
        ("@status:200..299", False),
        (f"@deployment:{OWNER.id}", True),
        (f"@service:{OWNER.service.service_id}", True),
        ("@service:other", False),
        ("replica:i-1", True),
        ("replica:i-2", False),
        ("@absent:1", False),
        ("(failed", False),  # does not parse, so it is searched for as it stands
    ],
)
def test_lines(text: str, kept: bool) -> None:
    test = parse_filter(text)
    assert test is not None
    assert keeps_line(test, find)(LINE) is kept


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("@httpStatus:>=500", True),
        ("@httpStatus:200", False),
        ("@method:post", True),
        ("@path:/v1", True),
        ("@totalDuration:>1000", False),
        ("@responseTime:>=800", True),
        ("@srcIp:203.0.113.9 @method:POST", True),
        ("orders -@method:GET", True),
    ],
)
def test_requests(text: str, kept: bool) -> None:
    test = parse_filter(text)
    assert test is not None
    assert keeps_request(test)(REQUEST) is kept


@pytest.mark.parametrize("text", ["", "   "])
def test_an_empty_filter_keeps_everything(text: str) -> None:
    assert parse_filter(text) is None


def test_no_text_whatever_breaks_the_parser() -> None:
    for text in (")", "-", "--", "@", "@:", "OR", "AND", "()", "a OR", "OR a", "((a)", '"', '@level:"', "a) b"):
        test = parse_filter(text)
        seen: Json = {"kept": test is None or keeps_line(test, find)(LINE)}
        assert seen["kept"] in (True, False)
