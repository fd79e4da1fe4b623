from __future__ import annotations

import pytest

from tui.model.status import Status


@pytest.mark.parametrize("status", Status)
def test_nothing_is_both_in_flight_and_settled(status: Status) -> None:
    assert not (status.in_flight and status.settled)


def test_a_state_we_do_not_know_or_that_waits_for_a_person_is_neither() -> None:
    neither = {status for status in Status if not status.in_flight and not status.settled}
    assert neither == {Status.UNKNOWN, Status.NEEDS_APPROVAL}


def test_what_is_bad_is_settled() -> None:
    assert all(status.settled for status in Status if status.bad)
