"""A filter in Railway's words: never less than what it holds for here."""

from __future__ import annotations

import pytest

from tests.entities import NOW
from tui.model.log import LogKind
from tui.model.log_filter import parse
from tui.providers.railway.log_filters import search_of

DEPLOYMENT = "7f3a0000-1111-2222-3333-444455556666"


@pytest.mark.parametrize(
    ("text", "search"),
    [
        ("", ""),
        ("status>=500", "@httpStatus:>=500"),
        ("status:5xx", "@httpStatus:500..599"),
        ("status>4xx", "@httpStatus:>499"),
        ("status:404", "@httpStatus:404"),
        ("status:..399", "@httpStatus:<=399"),
        ("-status:200", "-@httpStatus:200"),
        ("level>=warn", "@httpStatus:>=400"),
        ("level=warn", "@httpStatus:400..499"),
        ("-level=warn", "(@httpStatus:<=399 OR @httpStatus:>=500)"),
        ("level<=fatal", ""),
        ("method:post -method:GET", "@method:POST AND -@method:GET"),
        ("duration>1.5s bytes<=10k", "@totalDuration:>1500 AND @txBytes:<=10000"),
        ("duration>0.5ms", ""),
        ("ip:10.0.0.1", "@srcIp:10.0.0.1"),
        ("ip:10.0.", ""),
        ("ip=::1", '@srcIp:"::1"'),
        ("path=/cart", "@path:/cart"),
        ('path="/a b"', '@path:"/a b"'),
        ("path:/cart", ""),  # its beginning: whether @path means that is not documented
        ("-path=/cart", ""),
        ("host=shop.example", "@host:shop.example"),
        ("host:shop", ""),
        ("timeout -healthz /a|b/ since:10m", ""),
        ("status>=500 timeout", "@httpStatus:>=500"),
        ("status>=500 context:2", ""),
    ],
)
def test_requests(text: str, search: str) -> None:
    assert search_of(parse(text, NOW), LogKind.HTTP) == search


@pytest.mark.parametrize(
    ("text", "search"),
    [
        ("timeout", ""),
        ("level>=info", ""),
        ("level<=warn", ""),  # what has no level that Railway knows is INFO here
        ("@order:17", '((@order:17 OR "order")) OR "Messages dropped"'),
        ("@latency>=3", '((@latency:>=3 OR "latency")) OR "Messages dropped"'),
        ("@user:ann", ""),  # in any case
        ("@user=ann -@order:17", '((@user:ann OR "user")) OR "Messages dropped"'),
        ("order:17", ""),
        (f"deployment:{DEPLOYMENT}", f'(@deployment:{DEPLOYMENT}) OR "Messages dropped"'),
        ("deployment:7f3a", ""),
        ("level>=error context:1", ""),
        ("status>=500", ""),
    ],
)
def test_lines(text: str, search: str) -> None:
    assert search_of(parse(text, NOW), LogKind.RUNTIME) == search


def test_levels_are_asked_for_by_every_word_for_them_and_where_a_line_may_say_its_own() -> None:
    search = search_of(parse("level>=warn", NOW), LogKind.BUILD)
    for part in ("@level:warn", "@level:warning", "@severity:ERROR", "@lvl:fatal", '"level"', '"Messages dropped"'):
        assert part in search.replace("(", "").replace(")", "").split(" OR ")
    assert "info" not in search
