from __future__ import annotations

from datetime import timedelta

import pytest
from rich.cells import cell_len

from tests.entities import NOW, deployment, service
from tui.model.status import Status
from tui.widgets.format import LOOKS, age, duration, fit, service_state, status_word, to_the_second, took


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "now"), (9, "now"), (10, "10s"), (59, "50s"), (60, "1m"), (3599, "59m"), (3600, "1h"), (172_799, "47h"),
     (172_800, "2d"), (-30, "now")],
)  # fmt: skip
def test_an_age_is_coarse_and_never_negative(seconds: int, shown: str) -> None:
    assert age(NOW - timedelta(seconds=seconds), NOW) == shown


def test_what_is_not_known_is_blank() -> None:
    assert age(None, NOW) == ""
    assert duration(None) == ""


@pytest.mark.parametrize(("seconds", "shown"), [(8.9, "8s"), (130, "2m10s"), (3900, "1h05m"), (260_000, "3d")])
def test_durations(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


@pytest.mark.parametrize("width", [0, 1, 2, 7, 30])
@pytest.mark.parametrize("text", ["", "short", "a longer name than fits", "漢字漢字漢字", "👩‍💻 wide", "é" * 20])
def test_fit_takes_exactly_the_cells_it_was_given(text: str, width: int) -> None:
    assert cell_len(fit(text, width)) == width


def test_every_status_has_a_sign_and_a_word() -> None:
    assert set(LOOKS) == set(Status)
    assert all(look.sign.strip() and look.word for look in LOOKS.values())


def test_a_state_we_do_not_know_shows_the_platforms_word() -> None:
    assert status_word(Status.UNKNOWN, "HIBERNATING") == "hibernating"


def test_a_rollout_shows_on_top_of_what_serves() -> None:
    live = deployment("old")
    row = service(latest=deployment("new", Status.BUILDING, ago_s=10), live=live)
    assert service_state(row) == (Status.BUILDING, "live›building")


@pytest.mark.parametrize(
    ("latest", "expected"),
    [(Status.FAILED, Status.FAILED), (Status.NEEDS_APPROVAL, Status.NEEDS_APPROVAL), (Status.BUILDING, None)],
)
def test_a_live_service_wants_attention_for_what_its_newest_deployment_became(
    latest: Status, expected: Status | None
) -> None:
    row = service(latest=deployment("new", latest, ago_s=10), live=deployment("old"))
    assert row.trouble is expected


def test_a_time_of_another_day_carries_its_day() -> None:
    here = NOW.astimezone()
    yesterday = here - timedelta(days=1)
    assert to_the_second(NOW, NOW) == f"{here:%H:%M:%S}"
    assert to_the_second(yesterday, NOW) == f"{yesterday.day} {yesterday:%b} {here:%H:%M:%S}"


def test_an_unknown_duration_is_a_sign_and_not_zero() -> None:
    assert took(None) == "–"
    assert took(0) == "0s"
