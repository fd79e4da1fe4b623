"""The last picture of each account, kept for the next start."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import msgspec

from tui.engine.store import Store
from tui.model.clock import Clock
from tui.model.entities import Snapshot

SAVE_EVERY_S = 60.0
VERSION = 1

log = logging.getLogger(__name__)


class _File(msgspec.Struct):
    version: int
    provider: str
    snapshot: Snapshot


class PictureCache:
    """One file an account. It holds what the screen shows, and no secret; still it is the user's alone."""

    def __init__(self, folder: Path, store: Store, clock: Clock) -> None:
        self._folder = folder
        self._store = store
        self._clock = clock
        self._saved: dict[str, Snapshot] = {}

    def load(self) -> None:
        """Puts what is there into the store, marked as a former session's. A broken file is as good as none."""
        decoder = msgspec.json.Decoder(_File)
        for state in tuple(self._store.accounts.values()):
            try:
                kept = decoder.decode(self._file(state.name).read_bytes())
            except FileNotFoundError:
                continue
            except (OSError, msgspec.MsgspecError, ValueError, RecursionError) as error:
                log.info("%s: the kept picture is not used: %s", state.name, error)
                continue
            belongs = kept.version == VERSION and kept.provider == state.provider
            if belongs and kept.snapshot.account == state.name and kept.snapshot.observed_at.tzinfo is not None:
                self._store.put(kept.snapshot, from_cache=True)

    def save(self) -> None:
        """Writes what changed. A disk that cannot be written costs only the next start's first moment."""
        for state in tuple(self._store.accounts.values()):
            snapshot = state.snapshot
            if snapshot is None or state.from_cache or self._saved.get(state.name) is snapshot:
                continue
            content = msgspec.json.encode(_File(VERSION, state.provider, snapshot))
            try:
                _replace(self._file(state.name), content)
            except OSError as error:
                log.info("%s: the picture cannot be kept: %s", state.name, error)
            self._saved[state.name] = snapshot

    async def run(self) -> None:
        while True:
            await self._clock.sleep(SAVE_EVERY_S)
            self.save()

    def _file(self, account: str) -> Path:
        """A name is the user's own and may hold any character; a file name may not."""
        name = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else f"%{ord(c):x}" for c in account)
        return self._folder / f"{name}.json"


def _replace(path: Path, content: bytes) -> None:
    """Whole or not at all, readable by the user alone."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = path.with_suffix(f".{os.getpid()}.tmp")
    file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with open(file, "wb") as out:
            out.write(content)
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
