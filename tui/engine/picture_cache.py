"""The last picture of each account, kept for the next start."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from tui.engine import state_files
from tui.engine.store import Store
from tui.model.clock import Clock
from tui.model.entities import Deployment, Ref, Snapshot
from tui.model.text import is_plain, plain

SAVE_EVERY_S = 60.0
VERSION = 1
LARGEST = 32 << 20  # bytes of a picture: some 20,000 services

_ODD = re.compile(r'\\[^"\\/]|"url":"(?!https?://)')
"""What no picture of ours has in it: escaped controls, and links to elsewhere than the web."""

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
        for state in tuple(self._store.accounts.values()):
            try:
                kept = _checked(_read(self._file(state.name)), state.name, state.provider)
            except FileNotFoundError:
                continue
            except (OSError, msgspec.MsgspecError, ValueError, RecursionError) as error:
                log.info("%s: the kept picture is not used: %s", state.name, error)
                continue
            self._store.put(kept, from_cache=True)

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


def _read(path: Path) -> _File:
    """Read a picture as if it came from the network. Raises OSError, ValueError, RecursionError, MsgspecError."""
    content, is_cut = state_files.read_end(path, LARGEST)
    if is_cut:
        raise ValueError(f"it is larger than {LARGEST >> 20} MB")
    text = content.decode()
    if is_plain(text) and not _ODD.search(text):
        return msgspec.json.decode(text, type=_File)
    return msgspec.convert(_harmless(msgspec.json.decode(text)), _File)


def _harmless(found: object) -> object:
    """Clean every string, as a provider does with what its platform sends."""
    match found:
        case str():
            return plain(found)
        case list():
            return [_harmless(each) for each in found]
        case dict():
            return {name: _link(value) if name == "url" else _harmless(value) for name, value in found.items()}
    return found


def _link(value: object) -> object:
    return plain(value) if isinstance(value, str) and value.startswith(("https://", "http://")) else None


def _checked(kept: _File, account: str, provider: str) -> Snapshot:
    """Return the picture. Raises ValueError unless all of it is that account's, at times that can be."""
    snapshot = kept.snapshot
    if (kept.version, kept.provider, snapshot.account) != (VERSION, provider, account):
        raise ValueError("it is another account's, or another version's")
    for ref in _refs(snapshot):
        if ref.account != account:
            raise ValueError("it speaks of another account")
    for at in _times(snapshot):
        if at is not None:
            state_files.instant(at)
    return snapshot


def _deployments(snapshot: Snapshot) -> Iterator[Deployment]:
    return (each for service in snapshot.services for each in (service.latest, service.live) if each is not None)


def _refs(snapshot: Snapshot) -> Iterator[Ref]:
    yield from snapshot.unread
    yield from (project.ref for project in snapshot.projects)
    for environment in snapshot.environments:
        yield from (environment.ref, environment.project)
    for service in snapshot.services:
        yield from (service.ref, service.project, service.environment, *(each.ref for each in service.instances))
    for deployment in _deployments(snapshot):
        yield from (deployment.ref, deployment.service, *(each.ref for each in deployment.instances))


def _times(snapshot: Snapshot) -> Iterator[datetime | None]:
    yield snapshot.observed_at
    yield from (service.observed_at for service in snapshot.services)
    for deployment in _deployments(snapshot):
        yield from (deployment.created_at, deployment.started_at, deployment.finished_at)
        yield from (each.at for rule in deployment.approvals for each in rule.given)


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
