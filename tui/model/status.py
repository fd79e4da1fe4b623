"""The state of a deployment, service or instance, in one vocabulary for all platforms."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """Each platform's words are mapped to these; the platform's own word is kept beside as `status_raw`."""

    QUEUED = "queued"
    WAITING = "waiting"  # for something that is not a person: CI, a slot, a dependency
    NEEDS_APPROVAL = "needs_approval"
    BUILDING = "building"
    DEPLOYING = "deploying"
    LIVE = "live"
    SLEEPING = "sleeping"
    CRASHED = "crashed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    STOPPED = "stopped"
    SKIPPED = "skipped"
    SUPERSEDED = "superseded"  # it was live, a newer one took its place
    REMOVING = "removing"
    REMOVED = "removed"
    UNKNOWN = "unknown"

    @property
    def in_flight(self) -> bool:
        """It will change without anybody doing anything."""
        return self in _IN_FLIGHT

    @property
    def settled(self) -> bool:
        """It stays as it is until somebody acts. UNKNOWN and NEEDS_APPROVAL are not settled."""
        return self in _SETTLED

    @property
    def bad(self) -> bool:
        """Somebody should look."""
        return self in _BAD

    @property
    def up(self) -> bool:
        """It serves, or would on the next request."""
        return self in (Status.LIVE, Status.SLEEPING)


_IN_FLIGHT = frozenset({Status.QUEUED, Status.WAITING, Status.BUILDING, Status.DEPLOYING, Status.REMOVING})
_SETTLED = frozenset(
    {
        Status.LIVE,
        Status.SLEEPING,
        Status.CRASHED,
        Status.FAILED,
        Status.CANCELLED,
        Status.STOPPED,
        Status.SKIPPED,
        Status.SUPERSEDED,
        Status.REMOVED,
    }
)
_BAD = frozenset({Status.CRASHED, Status.FAILED})
