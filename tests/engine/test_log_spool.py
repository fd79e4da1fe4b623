from __future__ import annotations

import gzip
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.engine.test_log_store import HELD, AgainstAList, noise, shown
from tests.engine.test_log_tail import API, latest, live_world
from tests.engine.world import line
from tui.engine.log_spool import LogSpool
from tui.engine.log_store import LogLimits, LogStore
from tui.model.log import LogGap, LogKind, LogLine

LINES = 320  # in memory, 20 a block


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def spooled(spool: LogSpool, count: int, name: str = "shop/api · runtime") -> LogStore:
    store = LogStore(LogLimits(lines=LINES), spool=spool, name=name)
    add(store, 0, count)
    return store


def add(store: LogStore, start: int, end: int) -> None:
    words = noise(50)
    store.extend([line(f"{number} {words[number % 50][:500]}") for number in range(start, end)])


def numbers(store: LogStore) -> list[int]:
    return [int(text.partition(" ")[0]) for text in shown(store)]


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "lock")


@contextmanager
def files_of_at_most(nbytes: int) -> Iterator[None]:
    """As a full disk: a file that would grow beyond raises OSError."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (nbytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


class WithASpool(AgainstAList):
    """The same with a spool of a few blocks: `first` goes back further, and nothing in between is missing."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.spool = LogSpool(Path(self.folder.name), limit=2000)
        self.store = LogStore(LogLimits(lines=HELD), elsewhere=self.elsewhere, spool=self.spool)
        self.most = 10_000

    def on_disk(self, number: int) -> bool:
        return self.store._index(number) < self.store._spooled

    def teardown(self) -> None:
        self.spool.close()
        self.folder.cleanup()


def test_a_store_with_a_spool_is_a_list_that_forgets_its_oldest_lines() -> None:
    run_state_machine_as_test(WithASpool, settings=settings(max_examples=30, stateful_step_count=25))


def test_lines_that_memory_has_no_room_for_stay_readable(folder: Path) -> None:
    store = spooled(LogSpool(folder), 2000)
    assert (store.first, store.dropped, store.end, len(store)) == (0, 0, 2000, 2000)
    assert numbers(store) == list(range(2000))
    assert store.scan(0).text.startswith("0 ")
    assert isinstance(entry := store[777], LogLine)
    assert entry.text.startswith("777 ")
    assert store.nbytes < 2 * LINES * 520


def test_its_files_are_the_users_alone_and_have_safe_names(folder: Path) -> None:
    spooled(LogSpool(folder), 2000, name="../../etc/pass wd\n\x1b[2J" + "x" * 300)
    assert folder.stat().st_mode & 0o777 == 0o700
    [run] = folder.iterdir()
    assert run.stat().st_mode & 0o777 == 0o700
    assert files(folder)
    for path in files(folder):
        assert path.parent == run
        assert path.stat().st_mode & 0o777 == 0o600
        assert len(path.name) < 120
        assert path.name.startswith("etc-pass-wd-2J")


def test_over_its_limit_the_oldest_lines_are_forgotten_and_none_in_between(folder: Path) -> None:
    spool = LogSpool(folder, limit=200_000)
    store = spooled(spool, 3000)
    assert 0 < store.first < 3000 - LINES
    assert numbers(store) == list(range(store.first, 3000))
    on_disk = sum(path.stat().st_size for path in files(folder))
    assert on_disk == spool.nbytes <= 200_000
    with pytest.raises(IndexError):
        store[store.first - 1]


def test_the_log_that_fills_the_spool_loses_its_own_lines(folder: Path) -> None:
    spool = LogSpool(folder, limit=300_000)
    quiet = spooled(spool, LINES + 200)
    loud = spooled(spool, 5000)
    assert quiet.first == 0
    assert loud.first > 0
    assert numbers(quiet) == list(range(LINES + 200))


@pytest.mark.parametrize("room", [0, 1, 30_000])
def test_a_full_disk_ends_the_spooling_and_nothing_else(folder: Path, room: int) -> None:
    spool = LogSpool(folder)
    store = LogStore(LogLimits(lines=LINES), spool=spool)
    with files_of_at_most(room):
        add(store, 0, 2000)
    assert store.spool_error.startswith("Older log lines are no longer kept on the disk: File too large")
    assert store.first > 0
    assert numbers(store) == list(range(store.first, 2000))
    add(store, 2000, 3000)
    assert len(store) <= LINES
    assert numbers(store) == list(range(store.first, 3000))


def test_a_folder_that_cannot_be_made_ends_the_spooling_and_nothing_else(folder: Path) -> None:
    folder.write_text("a file in its place")
    store = spooled(LogSpool(folder), 2000)
    assert store.spool_error.startswith("Older log lines are no longer kept on the disk: ")
    assert numbers(store) == list(range(store.first, 2000))
    store.close()


def test_a_file_that_vanishes_or_rots_leaves_a_gap_a_line(folder: Path) -> None:
    store = spooled(LogSpool(folder), 2000)
    for path in files(folder):
        if path.suffix == ".gz":
            path.write_bytes(os.urandom(path.stat().st_size))
        else:
            path.unlink()
    assert isinstance(store[0], LogGap)
    assert len(list(store)) == 2000
    assert store.level(0) is None
    assert store.time_us(0) is None
    assert store.scan(0).text.count("\n") == store.scan(0).end


def test_what_somebody_else_wrote_into_a_file_is_no_line_of_the_log(folder: Path) -> None:
    """It has passed no `model.text`, and may be packed so that it fills the memory."""
    spool = LogSpool(folder)
    store = spooled(spool, 1000)
    (text,) = (path for path in files(folder) if path.suffix == ".gz")
    before = text.read_bytes()
    hostile = gzip.compress(b"\x1b]0;owned\x07" * 1000)
    text.write_bytes(hostile + before[len(hostile) :])

    assert isinstance(store[0], LogGap)
    assert len(list(store)) == 1000
    assert not any("\x1b" in line for line in shown(store))
    spool.close()


def test_at_the_end_everything_is_removed(folder: Path) -> None:
    spool = LogSpool(folder)
    store = spooled(spool, 2000)
    assert files(folder)
    spool.close()
    assert list(folder.iterdir()) == []
    assert numbers(store) == list(range(store.first, 2000))
    add(store, 2000, 3000)
    assert numbers(store) == list(range(store.first, 3000))


def test_a_log_that_is_closed_leaves_no_file(folder: Path) -> None:
    spool = LogSpool(folder)
    store = spooled(spool, 2000)
    store.close()
    assert files(folder) == []
    assert spool.nbytes == 0
    assert store.first > 0


def test_what_is_kept_is_readable_with_zcat_and_survives_the_next_start(folder: Path) -> None:
    spool = LogSpool(folder, keep=True)
    store = spooled(spool, 2000)
    store.close()
    spool.close()
    LogSpool(folder).close()
    texts = [gzip.decompress(path.read_bytes()).decode() for path in files(folder) if path.suffix == ".gz"]
    kept = [int(each.partition(" ")[0]) for text in texts for each in text.splitlines()]
    assert kept == list(range(len(kept)))
    assert len(kept) >= 2000 - LINES


def test_what_a_crashed_run_left_is_removed_at_the_next_start_and_a_living_ones_is_not(folder: Path) -> None:
    alive = LogSpool(folder)
    store = spooled(alive, 2000)
    script = (
        "import sys, time; from pathlib import Path; from tui.engine.log_spool import LogSpool\n"
        "spool = LogSpool(Path(sys.argv[1])); spool.source('x', print).put(b'text', b'columns')\n"
        "print(spool.folder, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(folder)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        left = Path(child.stdout.readline().strip())
        assert (left / "x-1.0001.gz").read_bytes() == b"text"
        child.send_signal(signal.SIGKILL)
    assert left.exists()
    again = LogSpool(folder)
    assert not left.exists()
    assert numbers(store) == list(range(2000))
    again.close()


def test_a_block_that_has_to_go_while_it_is_being_sealed_goes_to_the_disk(folder: Path) -> None:
    jobs = []
    store = LogStore(
        LogLimits(lines=LINES), spool=LogSpool(folder), elsewhere=lambda work, done: jobs.append(lambda: done(work()))
    )
    add(store, 0, 1000)
    while jobs:
        jobs.pop(0)()
    assert numbers(store) == list(range(1000))
    assert store.nbytes == spooled(LogSpool(folder), 1000).nbytes


async def test_the_engine_gives_its_logs_the_spool_and_closes_it(folder: Path) -> None:
    world = live_world(log_limits=LogLimits(lines=LINES), log_spool=LogSpool(folder))
    async with world.engine:
        world.engine.start()
        await world.clock.until(lambda: world.engine.store.services())
        tail = world.engine.tails.open(LogKind.RUNTIME, API)
        await world.clock.settle()
        latest(world).send(*(line(str(number)) for number in range(1000)))
        await world.clock.until(lambda: len(tail.buffer) == 1000)
        assert tail.buffer.first == 0
        assert files(folder)
    assert files(folder) == []
