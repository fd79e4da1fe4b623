"""Some of the histories of `python -m tests.chaos`, which tries as many as one likes."""

from __future__ import annotations

import pytest

from tests.chaos.histories import generate
from tests.conformance.profiles import PROFILES

_PLATFORMS = [profile.name for profile in PROFILES]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("platform", _PLATFORMS)
def test_what_is_confirmed_happens_once_at_most_and_is_told_as_it_was(platform: str, seed: int) -> None:
    table = generate(platform, 10, seed)
    assert table.histories >= 10
    assert table.double_effects == 0
    assert sum(table.ends.values()) == table.intents
