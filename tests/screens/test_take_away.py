from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tui.screens.take_away import write_new


def test_a_new_file_takes_the_place_of_none(tmp_path: Path) -> None:
    path = tmp_path / "saved" / "handover-2026.md"
    written = [write_new(path, text) for text in ("first", "second", "third")]
    assert [each.name for each in written] == ["handover-2026.md", "handover-2026-2.md", "handover-2026-3.md"]
    assert [each.read_text() for each in written] == ["first", "second", "third"]
    assert {stat.S_IMODE(each.stat().st_mode) for each in written} == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_where_nothing_can_be_written_it_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "saved").write_text("a file")
    with pytest.raises(OSError, match="exists"):
        write_new(tmp_path / "saved" / "x.md", "text")
