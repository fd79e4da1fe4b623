"""Short words for times, durations and states, the same everywhere on the screen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct
from rich.cells import cell_len, set_cell_size

from tui.model.entities import Deployment, Instance, Service, Step
from tui.model.status import Status
from tui.model.words import age as age
from tui.model.words import count as count
from tui.model.words import duration as duration
from tui.model.words import plural as plural


class Look(Struct, frozen=True):
    """A state without relying on colour: a sign, a word; and the name of its component class."""

    sign: str
    word: str
    style: str


LOOKS: dict[Status, Look] = {
    Status.QUEUED: Look("·", "queued", "waiting"),
    Status.WAITING: Look("·", "waiting", "waiting"),
    Status.NEEDS_APPROVAL: Look("?", "approval", "approval"),
    Status.BUILDING: Look("▸", "building", "flight"),
    Status.DEPLOYING: Look("▹", "deploying", "flight"),
    Status.LIVE: Look("●", "live", "live"),
    Status.SLEEPING: Look("◌", "sleeping", "idle"),
    Status.CRASHED: Look("✗", "crashed", "bad"),
    Status.FAILED: Look("✗", "failed", "bad"),
    Status.CANCELLED: Look("-", "cancelled", "idle"),
    Status.STOPPED: Look("■", "stopped", "idle"),
    Status.SKIPPED: Look("-", "skipped", "idle"),
    Status.SUPERSEDED: Look("○", "replaced", "idle"),
    Status.REMOVING: Look("▹", "removing", "flight"),
    Status.REMOVED: Look("-", "removed", "idle"),
    Status.UNKNOWN: Look("?", "unknown", "approval"),
}


_STEP_SIGNS = {
    Status.LIVE: ("✓", "live"),
    Status.FAILED: ("✗", "bad"),
    Status.SKIPPED: ("-", "idle"),
    Status.QUEUED: ("·", "waiting"),
}


def step_look(status: Status) -> tuple[str, str]:
    """A step's sign and the name of its component class. What is none of the table is under way."""
    return _STEP_SIGNS.get(status, ("▸", "flight"))


def status_word(status: Status, raw: str) -> str:
    """Our word; for a state we do not know, the platform's own."""
    return raw.lower() if status is Status.UNKNOWN and raw else LOOKS[status].word


UNKNOWN = "–"


def took(seconds: float | None) -> str:
    """How long something took; a sign where that is not known."""
    return UNKNOWN if seconds is None else duration(seconds)


def step_s(step: Step, now: datetime | None) -> float | None:
    """How long a step took, or has taken so far; None where that is not known."""
    end = step.finished_at or (now if step.status.in_flight else None)
    return None if step.started_at is None or end is None else max(0.0, (end - step.started_at).total_seconds())


def approvals(deployment: Deployment) -> str:
    """'approvals 1/3' over all its rules; '' where it has none."""
    wanted = sum(rule.required for rule in deployment.approvals)
    missing = sum(rule.missing for rule in deployment.approvals)
    return f"approvals {wanted - missing}/{wanted}" if deployment.approvals else ""


def instances_up(instances: Sequence[Instance]) -> str:
    """'2/3 up'; '' where none are known."""
    return f"{sum(each.status.up for each in instances)}/{len(instances)} up" if instances else ""


def service_state(service: Service) -> tuple[Status, str]:
    """What its row says: its state, and a rollout on top of what serves ('live, building')."""
    word = status_word(service.status, service.status_raw)
    latest, state = service.latest, service.state
    if service.doubt and state is Status.UNKNOWN:
        return state, LOOKS[state].word
    if latest is None or state is service.status:
        return state, word
    return state, f"{word}›{status_word(latest.status, latest.status_raw)}"


def to_the_second(at: datetime, now: datetime) -> str:
    """'02:14:07', with its day where that is not today: '21 Aug 02:14:07'."""
    here = at.astimezone()
    day = "" if here.date() == now.astimezone().date() else f"{here.day} {here:%b} "
    return f"{day}{here:%H:%M:%S}"


def revisions(service: Service) -> tuple[str, str]:
    """The revision that is live, else the newest one; and the newest where another one is live."""
    latest = service.latest.revision.short if service.latest and service.latest.revision else ""
    if service.live is None:
        return latest, ""
    live = service.live.revision.short if service.live.revision else ""
    return live, latest if latest != live else ""


def when(deployment: Deployment) -> datetime | None:
    return deployment.created_at or deployment.started_at or deployment.finished_at


def fit(text: str, width: int) -> str:
    """Exactly `width` cells: cut with an ellipsis, or padded."""
    if width <= 0:
        return ""
    if text.isascii():
        return text.ljust(width) if len(text) <= width else text[: width - 1] + "…"
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(text, width - 1) + "…"
