"""At which line of a TOML text a value stands: the parser keeps no positions, and an error without one helps nobody."""

from __future__ import annotations

import re

Path = tuple[str | int, ...]
"""Keys, and for an array of tables the number of the table: ("account", 1, "token")."""

_HEADER = re.compile(r"^\s*(\[\[?)\s*(.+?)\s*\]\]?\s*(?:#.*)?$")
_NAME = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_PART = re.compile(_NAME)
_KEY = re.compile(rf"^\s*({_NAME}(?:\s*\.\s*{_NAME})*)\s*=(.*)$")


def line_of(text: str, path: Path) -> int:
    """1-based line of the deepest part of `path` that is written out; 1 when nothing of it is."""
    best, line = 0, 1
    for number, written, value in _keys(text):
        common = _common(written, path)
        if common < min(len(written), len(path)):
            continue
        if common < len(path) and _names(value, path[common]):  # inside an inline table
            common += 1
        if common > best:
            best, line = common, number
    return line


def _keys(text: str) -> list[tuple[int, Path, str]]:
    """Every header and key with its line, its whole path and the text of its value."""
    found: list[tuple[int, Path, str]] = []
    table: Path = ()
    tables: dict[Path, int] = {}  # how many `[[name]]` so far
    until = ""  # the end of a string or list that goes over several lines
    for number, line in enumerate(text.splitlines(), 1):
        if until:
            until = "" if until in line else until
        elif header := _HEADER.match(line):
            names = _parts(header[2])
            table = _numbered(names[:-1], tables) if header[1] == "[[" else _numbered(names, tables)
            if header[1] == "[[":
                array = (*table, names[-1])
                tables[array] = tables.get(array, -1) + 1
                table = (*array, tables[array])
            found.append((number, table, ""))
        elif key := _KEY.match(line):
            value = key[2].strip()
            found.append((number, (*table, *_parts(key[1])), value))
            until = _open_end(value)
    return found


def _parts(dotted: str) -> list[str]:
    return [part.strip("\"'") for part in _PART.findall(dotted)]


def _numbered(names: list[str], tables: dict[Path, int]) -> Path:
    """`[account.token]` belongs to the account table that stands last above it."""
    path: Path = ()
    for name in names:
        path = (*path, name)
        if path in tables:
            path = (*path, tables[path])
    return path


def _open_end(value: str) -> str:
    for quotes in ('"""', "'''"):
        if value.startswith(quotes):
            return "" if value.count(quotes) > 1 else quotes
    if value.startswith("["):
        return "" if "]" in value else "]"
    return ""


def _common(written: Path, path: Path) -> int:
    count = 0
    for ours, theirs in zip(written, path, strict=False):
        if ours != theirs:
            break
        count += 1
    return count


def _names(value: str, name: str | int) -> bool:
    return value.startswith("{") and re.search(rf"[{{,]\s*[\"']?{re.escape(str(name))}[\"']?\s*=", value) is not None
