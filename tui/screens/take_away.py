"""What is shown of a log, taken away: to a file, or to the pager."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import IO

from tui.engine.log_rows import LogRows
from tui.model.log import LogKind
from tui.widgets.format import plural
from tui.widgets.log_text import as_plain

_SLICE_S = 0.004
_TELL_S = 0.5
Told = Callable[[str], None]


def file_name(what: str, kind: LogKind, now: datetime) -> str:
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", what).strip("-.")[:80]
    return f"{name}-{kind}-{now:%Y%m%dT%H%M%SZ}.log"


async def save(rows: LogRows, path: Path, told: Told) -> str:
    """Writes the rows to a new file, for the user alone. Returns a sentence; `told` hears how far it is."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
            lines = await _write(rows, file, told)
    except OSError as error:
        return f"The log was not saved to {path}: {error.strerror}."
    return f"{plural(lines, 'line')} saved to {path}"


def write_new(path: Path, text: str) -> Path:
    """A file for the user alone, under this name or, where that is taken, one with a number. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for number in count(1):
        free = path if number == 1 else path.with_stem(f"{path.stem}-{number}")
        try:
            descriptor = os.open(free, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            continue
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
                file.write(text)
        except OSError:
            free.unlink()
            raise
        break
    return free


async def to_pager(
    rows: LogRows, run: Callable[[list[str]], Awaitable[None]], told: Told, environ: Mapping[str, str]
) -> str:
    """Writes the rows to a file of this moment, which `run` opens in $PAGER. Returns a sentence, "" when all went
    well."""
    try:
        command = shlex.split(environ.get("PAGER") or "less")
    except ValueError as error:
        return f"PAGER is no command: {error}."
    try:
        with tempfile.NamedTemporaryFile("w", suffix=".log", encoding="utf-8", errors="replace") as file:
            await _write(rows, file, told)
            file.flush()
            await run([*command, file.name])
    except OSError as error:
        return f"{' '.join(command)} did not open: {error.strerror}. PAGER names the program."
    return ""


async def _write(rows: LogRows, file: IO[str], told: Told) -> int:
    """In slices: the board goes on. Rows that are dropped meanwhile are left out."""
    written, key = 0, rows.first
    looked = telling = time.perf_counter()
    while key is not None:
        if rows.holds(key):
            source, _ = rows.where(key)
            file.write(as_plain(rows.entry(key), source.label if rows.merged else "") + "\n")
            written += 1
        key = rows.beside(key, 1)
        now = time.perf_counter()
        if now - looked >= _SLICE_S:
            if now - telling >= _TELL_S:
                telling = now
                told(f"Writing: {plural(written, 'line')} of {len(rows):,} …")
            await asyncio.sleep(0)
            looked = time.perf_counter()
    return written
