from __future__ import annotations

import pytest

from tests.engine.world import line
from tui.engine.log_buffer import LogBuffer
from tui.model.log import LogLine


def filled(capacity: int, count: int) -> LogBuffer:
    buffer = LogBuffer(capacity)
    for number in range(count):
        buffer.append(line(str(number)))
    return buffer


def texts(buffer: LogBuffer) -> list[str]:
    return [entry.text for entry in buffer if isinstance(entry, LogLine)]


def test_entries_keep_their_number_when_older_ones_are_dropped() -> None:
    buffer = filled(capacity=3, count=8)
    assert (buffer.first, buffer.end, len(buffer)) == (5, 8, 3)
    assert texts(buffer) == ["5", "6", "7"]
    for number in range(5, 8):
        entry = buffer[number]
        assert isinstance(entry, LogLine)
        assert entry.text == str(number)


def test_what_was_dropped_is_counted_and_no_longer_there() -> None:
    buffer = filled(capacity=3, count=8)
    assert buffer.dropped == 5
    for number in (-1, 4, 8):
        with pytest.raises(IndexError):
            buffer[number]


def test_nothing_is_dropped_up_to_the_capacity() -> None:
    buffer = filled(capacity=3, count=3)
    assert (buffer.dropped, buffer.first, texts(buffer)) == (0, 0, ["0", "1", "2"])


def test_the_version_moves_with_every_entry_also_in_a_full_ring() -> None:
    buffer = filled(capacity=2, count=2)
    seen = {buffer.version}
    for _ in range(4):
        buffer.append(line("x"))
        seen.add(buffer.version)
    assert len(seen) == 5
