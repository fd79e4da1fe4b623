"""What a log holds, and how an entry is one line of a block of text.

A record is what search sees, after cheap replaces:

    text [US key RS value]... [GS raw]                                                        of a LogLine
    status US method US path US 12ms US client_ip US detail GS id US host US bytes US agent   of an HttpRequest

Time, level, deployment and instance stand beside the text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from typing import cast

from msgspec import Struct

from tui.model import log
from tui.model.entities import Deployment
from tui.model.log import HttpRequest, Level, LogGap, LogLine
from tui.model.text import without_sgr

_US, _RS, _GS = "\x1f", "\x1e", "\x1d"
_SEPARATORS = dict.fromkeys((0x0A, 0x1D, 0x1E, 0x1F))
_HIDDEN = re.compile(r"\x1d[^\n]*")
_ONLY_LINES = {LogLine}
_attributes, _raw = attrgetter("attributes"), attrgetter("raw")


class Rule(Struct, frozen=True):
    """A new deployment starts here."""

    at: datetime | None
    deployment: Deployment


class Notice(Struct, frozen=True):
    """Something that happened to the stream itself."""

    at: datetime
    text: str
    bad: bool = False


BufferEntry = LogLine | HttpRequest | LogGap | Rule | Notice


def searchable(entry: BufferEntry) -> str:
    """What search sees of an entry: its text without colours, then its fields."""
    return log.searchable(entry) if isinstance(entry, LogLine | HttpRequest) else without_sgr(_words(entry))


def _words(entry: LogGap | Notice | Rule) -> str:
    match entry:
        case LogGap():
            return entry.reason
        case Notice():
            return entry.text
        case Rule():
            return _rule_words(entry.deployment)


def _rule_words(deployment: Deployment) -> str:
    """Where a deployment begins: its revision, who and why."""
    revision = deployment.revision
    parts = [revision.short if revision else deployment.id[:8]]
    if revision and revision.branch:
        parts.append(revision.branch)
    if who := (revision.author if revision else None) or deployment.creator:
        parts.append(who)
    if revision and revision.message:
        parts.append(revision.message)
    elif deployment.trigger:
        parts.append(deployment.trigger)
    return "deployment " + " · ".join(parts)


def visible(records: str) -> str:
    """What search sees of many records: the hidden parts and the colours are gone."""
    if _GS in records:
        records = _HIDDEN.sub("", records)
    return without_sgr(records).replace(_US, " ").replace(_RS, "=")


def context(deployment: str, instance: str) -> str:
    """Where a line comes from, as one text; `parted` takes it apart."""
    return _clean(deployment) + _US + _clean(instance)


def parted(context: str) -> tuple[str, str]:
    deployment, _, instance = context.partition(_US)
    return deployment, instance


def _clean(text: str) -> str:
    return text if text.isprintable() else text.translate(_SEPARATORS)


def records_of(entries: Sequence[BufferEntry]) -> list[str]:
    """A line of a block's text for each."""
    if set(map(type, entries)) == _ONLY_LINES:
        lines = cast("Sequence[LogLine]", entries)
        if not any(map(_attributes, lines)) and not any(map(_raw, lines)):
            records = [each.text for each in lines]
            text = "\n".join(records)
            if text.count("\n") == len(records) - 1 and _US not in text and _RS not in text and _GS not in text:
                return records
    return [_record(entry) for entry in entries]


def _record(entry: BufferEntry) -> str:
    match entry:
        case LogLine():
            return _line_record(entry)
        case HttpRequest():
            return _request_record(entry)
        case _:
            return _words(entry).translate(_SEPARATORS)


def _line_record(entry: LogLine) -> str:
    attributes, raw = entry.attributes, entry.raw
    record = entry.text
    if attributes:
        record += "".join([f"{_US}{key}{_RS}{value}" for key, value in attributes.items()])
    if raw:
        record += _GS + raw
    fields = len(attributes)
    if (
        "\n" in record
        or record.count(_US) != fields
        or record.count(_RS) != fields
        or record.count(_GS) != (1 if raw else 0)
    ):
        record = entry.text.translate(_SEPARATORS)
        for key, value in attributes.items():
            record += _US + key.translate(_SEPARATORS) + _RS + value.translate(_SEPARATORS)
        if raw := raw.translate(_SEPARATORS):
            record += _GS + raw
    return record


def line_of(record: str, at: datetime | None, level: Level, deployment: str, instance: str) -> LogLine:
    raw = ""
    if _GS in record:
        record, _, raw = record.partition(_GS)
    if _US not in record:
        return LogLine(at, record, level, deployment, instance, {}, raw)
    text, *fields = record.split(_US)
    attributes = {key: value for key, _, value in (field.partition(_RS) for field in fields)}
    return LogLine(at, text, level, deployment, instance, attributes, raw)


def _request_fields(entry: HttpRequest) -> str:
    fields = (str(entry.status), entry.method, entry.path, f"{entry.duration_ms}ms", entry.client_ip, entry.detail)
    return _US.join(map(_clean, fields)).rstrip(_US)


def _request_record(entry: HttpRequest) -> str:
    hidden = (entry.id, entry.host, str(entry.bytes_sent), entry.user_agent)
    return _request_fields(entry) + _GS + _US.join(map(_clean, hidden))


def request_of(record: str, at: datetime, deployment: str, instance: str) -> HttpRequest:
    visible, _, hidden = record.partition(_GS)
    status, method, path, duration, client_ip, detail, *_ = [*visible.split(_US), "", ""]
    id_, host, sent, agent = hidden.split(_US)
    return HttpRequest(
        at,
        id_,
        method,
        path,
        int(status),
        int(duration.removesuffix("ms")),
        client_ip,
        host,
        int(sent),
        agent,
        deployment,
        instance,
        detail,
    )
