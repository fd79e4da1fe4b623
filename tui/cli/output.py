"""What the headless commands print: the JSON objects with their stable keys, and plain columns for people."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import click
import msgspec

from tui.model.action import Receipt, Verb
from tui.model.entities import Change, Changes, Deployment, Service
from tui.model.log import HttpRequest, LogGap, LogKind, LogLine
from tui.model.status import Status
from tui.model.text import plain, without_sgr
from tui.model.words import duration

Json = Mapping[str, object]
Reasons = Mapping[Verb, str | None]  # why not now; None: it can be tried

_COLORS = {Status.LIVE: "green", Status.CRASHED: "red", Status.FAILED: "red", Status.NEEDS_APPROVAL: "yellow"}


def emit(row: Json) -> None:
    """One object a line, out at once: whoever reads the pipe waits for it. UTF-8, whatever the locale."""
    sys.stdout.buffer.write(msgspec.json.encode(row) + b"\n")
    sys.stdout.buffer.flush()


def line(text: str) -> None:
    """One line for a person, out at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def status(service: Service) -> Status:
    """Return its own status; what is up but in doubt is unknown."""
    return Status.UNKNOWN if service.doubt and service.status.up else service.status


def utc(at: datetime | None) -> datetime | None:
    return at.astimezone(UTC) if at else None


def service_json(
    service: Service,
    provider: str,
    observed_at: datetime,
    stale_s: float,
    now: datetime,
    reasons: Mapping[str, Reasons],
) -> Json:
    """`reasons` of the deployments it holds, by their id; `now` by the platform's clock."""
    return {
        "type": "service",
        "ref": str(service.ref),
        "account": service.account,
        "provider": provider,
        "project": service.project_name,
        "environment": service.environment_name,
        "name": service.name,
        "status": status(service),
        "status_raw": service.status_raw,
        "url": service.url,
        "replicas": service.replicas,
        "deployment": _nested(service, service.latest, now, reasons),
        "live": _nested(service, service.live, now, reasons),
        "instances": [
            {"name": each.name or each.ref.id, "status": each.status, "status_raw": each.status_raw}
            for each in service.instances
        ],
        "observed_at": utc(observed_at),
        "stale_s": round(stale_s, 1),
        **({"doubt": service.doubt} if service.doubt else {}),
    }


def _nested(
    service: Service, deployment: Deployment | None, now: datetime, reasons: Mapping[str, Reasons]
) -> Json | None:
    return deployment_json(deployment, service, now, reasons.get(deployment.id, {})) if deployment else None


def deployment_json(deployment: Deployment, service: Service, now: datetime, reasons: Reasons) -> Json:
    revision = deployment.revision
    return {
        "type": "deployment",
        "ref": str(deployment.ref),
        "id": deployment.id,
        "service": service.path,
        "status": deployment.status,
        "status_raw": deployment.status_raw,
        "created_at": utc(deployment.created_at),
        "started_at": utc(deployment.started_at),
        "finished_at": utc(deployment.finished_at),
        "duration_s": deployment.duration_s(now),
        "revision": revision
        and {
            "sha": revision.sha,
            "ref": revision.branch,
            "message": revision.message,
            "author": revision.author,
            "url": revision.url,
        },
        "creator": deployment.creator,
        "trigger": deployment.trigger,
        "is_live": deployment.is_live,
        "approvals": [
            {
                "who": rule.who,
                "required": rule.required,
                "given": [
                    {"by": each.by, "approved": each.approved, "at": utc(each.at), "comment": each.comment}
                    for each in rule.given
                ],
            }
            for rule in deployment.approvals
        ],
        "actions": {verb: True if reason is None else reason for verb, reason in reasons.items()},
        "url": deployment.url,
    }


def change_json(change: Change, deployment: Deployment) -> Json:
    return {
        "type": "change",
        "deployment": deployment.id,
        "kind": change.kind,
        "id": change.id,
        "title": change.title,
        "author": change.author,
        "at": utc(change.at),
        "url": change.url,
    }


def changes_json(changes: Changes, deployment: Deployment) -> Json:
    """The last line, behind the changes."""
    return {
        "type": "changes",
        "deployment": deployment.id,
        "count": len(changes.items),
        "compare_url": changes.compare_url,
        "note": changes.note or None,
    }


def line_json(line: LogLine, service: Service, kind: LogKind) -> Json:
    return {
        "type": "line",
        "service": service.path,
        "deployment": line.deployment or None,
        "kind": kind,
        "at": utc(line.at),
        "level": line.level.name.lower(),
        "text": without_sgr(line.raw or line.text),
        "instance": line.instance or None,
        "attributes": dict(line.attributes),
    }


def request_json(request: HttpRequest, service: Service) -> Json:
    return {
        "type": "request",
        "service": service.path,
        "deployment": request.deployment or None,
        "at": utc(request.at),
        "id": request.id,
        "method": request.method,
        "path": request.path,
        "status": request.status,
        "duration_ms": request.duration_ms,
        "client_ip": request.client_ip or None,
        "host": request.host or None,
    }


def gap_json(gap: LogGap, service: Service, kind: LogKind) -> Json:
    """Beside the lines, in its place among them: a reader must not take what is left for all there was."""
    return {
        "type": "gap",
        "service": service.path,
        "kind": kind,
        "at": utc(gap.at),
        "reason": gap.reason,
        "lines": gap.lines,
    }


def receipt_json(receipt: Receipt) -> Json:
    return {
        "type": "receipt",
        "verb": receipt.intent.verb,
        "target": receipt.intent.service.path,
        "outcome": receipt.outcome,
        "message": receipt.message,
        "deployment": receipt.deployment.id if receipt.deployment else None,
        "at": utc(receipt.at),
    }


def columns(header: Sequence[str], rows: Sequence[Sequence[str]], statuses: Sequence[Status] = ()) -> None:
    """Aligned columns; the last one is as long as it is. Colour, where there may be any, repeats what a word says."""
    table = [list(header), *(list(row) for row in rows)]
    widths = [max(_width(row[column]) for row in table) for column in range(len(header))]
    for number, row in enumerate(table):
        cells = [cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)]
        text = "  ".join(cells).rstrip()
        color = _COLORS.get(statuses[number - 1]) if number and statuses else None
        line(click.style(text, fg=color) if color and colored() else text)


def colored() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def status_word(status: Status, raw: str) -> str:
    """Our word, and the platform's own where it says something else."""
    ours = status.replace("_", " ")
    return ours if raw.replace("_", " ").casefold() in ("", ours) else f"{ours} ({plain(raw)})"


def age(at: datetime | None, now: datetime) -> str:
    return f"{span((now - at).total_seconds())} ago" if at else "-"


def span(seconds: float | None) -> str:
    return "-" if seconds is None else duration(max(0.0, seconds))


def one_line(text: str | None, width: int = 60) -> str:
    first = plain((text or "").strip().split("\n", 1)[0])
    return first if len(first) <= width else f"{first[: width - 1]}…"


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )
