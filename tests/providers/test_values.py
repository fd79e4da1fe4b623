"""Values as platforms write them: whatever is in a field, nothing raises, and no row goes without a word."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.providers import values


class Person(msgspec.Struct):
    id: int
    name: str = ""


class Row(msgspec.Struct):
    id: int
    text: str | None = None
    flag: bool | None = None
    number: float = 0.0
    person: Person | None = None
    people: list[Person] | None = None
    counts: dict[str, int] | None = None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FIELDS = Row.__struct_fields__


def read(*found: object) -> tuple[list[Row], list[str]]:
    return values.rows([json.dumps(each).encode() for each in found], Row)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-03-14T03:00:00Z", datetime(2026, 3, 14, 3, tzinfo=UTC)),
        ("2026-03-14T03:00:00.123456789+02:00", datetime(2026, 3, 14, 1, 0, 0, 123456, tzinfo=UTC)),
        ("2026-03-14 03:00:00 UTC", datetime(2026, 3, 14, 3, tzinfo=UTC)),
        (" 2026-03-14T03:00:00 ", datetime(2026, 3, 14, 3, tzinfo=UTC)),
        (1773457200, datetime(2026, 3, 14, 3, tzinfo=UTC)),
        (1773457200500, datetime(2026, 3, 14, 3, 0, 0, 500000, tzinfo=UTC)),
    ],
)
def test_times_in_every_form_are_read(text: object, at: datetime) -> None:
    assert values.moment(text) == at


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "  ",
        "soon",
        "2026-02-30T00:00:00Z",
        "0001-01-01T00:00:00Z",  # Go's "never"
        "0001-01-01T00:00:00+05:00",  # before year 1 in UTC
        "9999-12-31T23:59:59-10:00",
        "1970-01-01T00:00:00Z",
        0,
        True,
        1e300,
        float("inf"),
        10**30,
        {},
        [],
    ],
)
def test_placeholders_and_nonsense_are_no_time(text: object) -> None:
    assert values.moment(text) is None


@given(JSON)
def test_no_value_raises_as_a_time_or_a_link(value: object) -> None:
    at = values.moment(value)
    assert at is None or at.tzinfo is UTC
    found = values.link(value)
    assert found is None or found.isprintable()


def test_a_number_as_text_is_the_number() -> None:
    assert read({"id": "9"}) == ([Row(9)], [])


def test_a_field_that_decorates_never_costs_the_row() -> None:
    found, odd = read({"id": 1, "text": 5, "flag": [], "number": None, "person": {"id": {}}, "counts": {"a": "x"}})
    assert (found, odd) == ([Row(1)], [])


def test_an_element_that_cannot_be_read_costs_only_itself() -> None:
    found, odd = read({"id": 1, "people": [{"id": 1}, {"name": "nobody"}, 7, {"id": 2, "name": None}]})
    assert (found, odd) == ([Row(1, people=[Person(1), Person(2)])], [])


def test_a_row_without_what_names_it_is_described() -> None:
    found, odd = read({"text": "x"}, {"id": 2}, None, [])
    assert found == [Row(2)]
    assert len(odd) == 3
    assert all(odd)


def test_half_a_surrogate_does_not_cost_the_row() -> None:
    found, odd = values.rows([b'{"id": 1, "text": "\\ud83d cut"}'], Row)
    assert (len(found), odd) == (1, [])


def test_nesting_without_end_is_described() -> None:
    found, odd = values.rows([b"[" * 100_000, b'{"id": 1}'], Row)
    assert (found, len(odd)) == ([Row(1)], 1)


@given(st.fixed_dictionaries({"id": st.integers(0, 2**53)}, optional=dict.fromkeys(FIELDS[1:], JSON)))
def test_no_row_with_an_id_is_lost(row: dict[str, object]) -> None:
    found, odd = read(row)
    assert (len(found), odd) == (1, [])
    assert found[0].id == row["id"]


@given(st.lists(JSON, max_size=5))
def test_every_row_is_found_or_described(given_rows: list[object]) -> None:
    found, odd = read(*given_rows)
    assert len(found) + len(odd) == len(given_rows)
