"""Blocks of log lines that memory has no more room for, on the disk.

A folder for each run, the user's alone, with files of the blocks in their order: `NAME.0001.gz` holds their text (and
`zcat` shows it), `NAME.0001.columns` what stands beside it. Over the limit the oldest file of the largest log goes.

The folder is locked while its run lives: one that nobody locks is what a crash left. One that is kept has no lock file.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

from msgspec import Struct

from tui.engine.state_files import open_regular

LIMIT = 1 << 30
SEGMENTS = 16  # files that the whole of a full spool would be; one goes at a time

_LOCK = "lock"
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

log = logging.getLogger(__name__)


class Spooled(Struct, frozen=True):
    """A sealed block on the disk. Reading it raises OSError when it is not there any more as it was written."""

    file: Path  # without its ending
    text_at: int
    text_size: int
    columns_at: int
    columns_size: int
    text_digest: bytes
    columns_digest: bytes

    @property
    def nbytes(self) -> int:
        """In memory."""
        return 0

    def text(self) -> bytes:
        return _read(_text_file(self.file), self.text_at, self.text_size, self.text_digest)

    def columns(self) -> bytes:
        return _read(_columns_file(self.file), self.columns_at, self.columns_size, self.columns_digest)


class LogSpool:
    """`error` is a sentence once something went wrong; from then on nothing more is written."""

    def __init__(self, folder: Path, *, limit: int = LIMIT, keep: bool = False) -> None:
        """`folder` is made where it is missing, and cleared of what crashed runs left."""
        self.error = ""
        self.limit = limit
        self.nbytes = 0  # on the disk
        self.folder: Path | None = None  # of this run
        self._keep = keep
        self._lock = -1
        self._sources: list[SpooledLog] = []
        self._named = 0
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            clear(folder)
            self.folder = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=folder))
            self._lock = os.open(self.folder / _LOCK, _FLAGS, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        except OSError as error:
            self.fail(error, folder)

    def source(self, name: str, forgotten: Callable[[int], None]) -> SpooledLog:
        """`forgotten` is called when so many of its oldest blocks went to make room."""
        self._named += 1
        source = SpooledLog(self, f"{_safe(name)}-{self._named}", forgotten)
        self._sources.append(source)
        return source

    def fail(self, error: OSError, path: Path) -> None:
        if not self.error:
            log.info("the spool stops: %s", error)
            self.error = f"Older log lines are no longer kept on the disk: {error.strerror or error} ({path})."

    def make_room(self, size: int) -> None:
        while self.nbytes + size > self.limit and any(source.nbytes for source in self._sources):
            max(self._sources, key=lambda source: source.nbytes).forget_oldest()

    def drop(self, source: SpooledLog) -> None:
        """Its log is not looked at any more."""
        if source in self._sources:
            self._sources.remove(source)
            source.end(remove=not self._keep)

    def close(self) -> None:
        """The end of the run: what is not kept is removed."""
        for source in tuple(self._sources):
            source.end(remove=not self._keep)
        self._sources.clear()
        if self.folder is not None:
            self._leave(self.folder)
            self.folder = None
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _leave(self, folder: Path) -> None:
        try:
            if self._keep and any(path.name != _LOCK for path in folder.iterdir()):
                (folder / _LOCK).unlink(missing_ok=True)
                return
        except OSError as error:
            log.info("the spool is left as it is: %s", error)
        shutil.rmtree(folder, ignore_errors=True)


class SpooledLog:
    """The spooled blocks of one log: a ring of files."""

    def __init__(self, spool: LogSpool, name: str, forgotten: Callable[[int], None]) -> None:
        self._spool = spool
        self._name = name
        self._forgotten = forgotten
        self._segments: list[_Segment] = []
        self._made = 0

    @property
    def error(self) -> str:
        return self._spool.error

    @property
    def nbytes(self) -> int:
        return sum(segment.nbytes for segment in self._segments)

    def put(self, text: bytes, columns: bytes) -> Spooled | None:
        """None when it could not be written."""
        spool, size = self._spool, len(text) + len(columns)
        if spool.error or spool.folder is None or size > spool.limit:
            return None
        spool.make_room(size)
        try:
            if not self._segments or self._segments[-1].nbytes >= spool.limit // SEGMENTS:
                self._begin(spool.folder)
            spooled = self._segments[-1].add(text, columns)
        except OSError as error:
            spool.fail(error, spool.folder)
            return None
        spool.nbytes += size
        return spooled

    def _begin(self, folder: Path) -> None:
        if self._segments:
            self._segments[-1].close()
        self._made += 1
        self._segments.append(_Segment(folder / f"{self._name}.{self._made:04}"))

    def forget_oldest(self) -> None:
        segment = self._segments.pop(0)
        segment.close()
        segment.remove()
        self._spool.nbytes -= segment.nbytes
        self._forgotten(segment.blocks)

    def forget(self) -> None:
        """All of it."""
        while self._segments:
            self.forget_oldest()

    def close(self) -> None:
        self._spool.drop(self)

    def end(self, *, remove: bool) -> None:
        if remove:
            self.forget()
        for segment in self._segments:
            segment.close()


class _Segment:
    """Two files that grow together."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.blocks = 0
        self._files: list[int] = []
        self._sizes = [0, 0]
        try:
            self._files.append(os.open(_text_file(path), _FLAGS, 0o600))
            self._files.append(os.open(_columns_file(path), _FLAGS, 0o600))
        except OSError:
            self.close()
            self.remove()
            raise

    @property
    def nbytes(self) -> int:
        return sum(self._sizes)

    def add(self, text: bytes, columns: bytes) -> Spooled:
        """Raises OSError, and then nothing was added."""
        before = tuple(self._sizes)
        try:
            for number, content in enumerate((text, columns)):
                _write(self._files[number], content)
                self._sizes[number] += len(content)
        except OSError:
            self._sizes = list(before)
            for file, size in zip(self._files, before, strict=True):
                os.ftruncate(file, size)
                os.lseek(file, size, os.SEEK_SET)
            raise
        self.blocks += 1
        return Spooled(self.path, before[0], len(text), before[1], len(columns), _digest(text), _digest(columns))

    def close(self) -> None:
        for file in self._files:
            os.close(file)
        self._files.clear()

    def remove(self) -> None:
        for path in (_text_file(self.path), _columns_file(self.path)):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                log.info("%s is left behind: %s", path, error)


def clear(folder: Path) -> None:
    """Removes what crashed runs left in it."""
    for run in folder.iterdir():
        try:
            lock = os.open(run / _LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:  # kept, or not ours
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(run, ignore_errors=True)
        except OSError:  # its run is alive
            pass
        finally:
            os.close(lock)


def _text_file(path: Path) -> Path:
    return path.with_name(path.name + ".gz")


def _columns_file(path: Path) -> Path:
    return path.with_name(path.name + ".columns")


def _safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:80] or "log"


def _write(file: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(file, rest) :]


def _read(path: Path, at: int, size: int, digest: bytes) -> bytes:
    """What was made harmless before it was written must come back as it was, or not at all."""
    file = open_regular(path)
    try:
        content = os.pread(file, size, at)
    finally:
        os.close(file)
    if len(content) != size or _digest(content) != digest:
        raise OSError(f"{path} was changed by somebody else")
    return content


def _digest(content: bytes) -> bytes:
    return blake2b(content, digest_size=16).digest()
