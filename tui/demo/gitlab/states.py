"""What GitLab says of a deployment and its job. It knows nothing of processes: what crashed had been deployed well."""

from __future__ import annotations

from tui.demo.clock import SECOND
from tui.demo.entities import UNDER_WAY, UP, Deployment, Phase, Service
from tui.demo.world import World

STATUSES = ("created", "running", "success", "failed", "canceled", "skipped", "blocked")
MANUAL = "manual"  # the `reason` of a deployment that waits for somebody to press play
REJECTED = "rejected"  # the `reason` of one whose approval was refused
STOP_TAKES = 3 * SECOND

_WAITS = {  # the job's status, while the deployment has none of its own
    Phase.INITIALIZING: "created",
    Phase.QUEUED: "pending",
    Phase.WAITING: "waiting_for_resource",
}


def deployment_status(one: Deployment) -> str:
    if one.word:
        return one.word
    if one.phase is Phase.FAILED:
        return "failed"
    if one.phase is Phase.SKIPPED:
        return "skipped"
    if one.live_from is not None:
        return "success"
    if one.phase in (Phase.BUILDING, Phase.DEPLOYING):
        return "running"
    if awaits_play(one):
        return "blocked"
    return "created" if one.phase in UNDER_WAY else "canceled"


def job_status(one: Deployment) -> str:
    """Of its deploy job."""
    status = deployment_status(one)
    if status == "blocked":
        return "manual"
    return _WAITS.get(one.phase, "created") if status == "created" else status


def awaits_play(one: Deployment) -> bool:
    return one.phase is Phase.NEEDS_APPROVAL or (one.phase is Phase.WAITING and one.reason == MANUAL)


def settled(status: str) -> bool:
    return status in ("success", "failed", "canceled", "skipped")


def started_at(one: Deployment) -> int | None:
    """When its job began to run."""
    if one.build is not None:
        return one.build[0]
    if one.reason == REJECTED or deployment_status(one) not in ("running", "success", "failed"):
        return None
    return one.created_at + 5 * SECOND // 2


def finished_at(one: Deployment) -> int | None:
    status = deployment_status(one)
    if status == "success":
        return one.live_from
    if status == "canceled":
        return one.removed_at or one.changed_at
    return one.changed_at if status in ("failed", "skipped") else None


def updated_at(one: Deployment) -> int:
    """When the deployment's own status last changed; what becomes of its job or its processes does not touch it."""
    if one.word:
        return one.changed_at
    match deployment_status(one):
        case "created":
            return one.created_at
        case "running":
            return started_at(one) or one.changed_at
        case _:
            return finished_at(one) or one.changed_at


def newest_success(service: Service) -> Deployment | None:
    """What GitLab takes for the one that is deployed."""
    found = [one for one in service.recent if deployment_status(one) == "success"] or [
        one for one in service.history if deployment_status(one) == "success"
    ]
    return max(found, key=lambda one: finished_at(one) or 0, default=None)


def environment_state(world: World, service: Service, forced: set[str]) -> str:
    """`forced`: ids of what was stopped without the job that does so."""
    up = next((one for one in service.recent if one.phase in UP), None)
    if up is None or not up.stopped or service.cron is not None:
        return "available"
    done = up.id in forced or world.now >= up.changed_at + STOP_TAKES
    return "stopped" if done else "stopping"
