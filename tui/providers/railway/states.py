"""The state of a deployment: Railway's status word, refined by its `deploymentStopped` and by its instances.

The word comes first. The flag ("all instances have stopped") means a stop only beside SUCCESS: it is also true while a
deployment starts, while one sleeps (its instance then reads RUNNING), and once one has crashed or failed for good. A
stop leaves the word as it is; what tells a stopped deployment from a crashed or a sleeping one is that every instance
has ended.

Sources: railwayapp/cli src/controllers (Completed: SUCCESS with the flag); docs.railway.com/guides/deployment-actions
(CRASHED: Railway has given up restarting); probes of the live API in khalid999devs/railway-spin-console
docs/api-findings.md (starting, sleeping, stopped).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tui.model.status import Status
from tui.providers.railway.wire import DeploymentRow, ReplicaRow

STATUS: dict[str, Status] = {
    "INITIALIZING": Status.QUEUED,
    "QUEUED": Status.QUEUED,
    "WAITING": Status.WAITING,
    "NEEDS_APPROVAL": Status.NEEDS_APPROVAL,
    "BUILDING": Status.BUILDING,
    "DEPLOYING": Status.DEPLOYING,
    "SUCCESS": Status.LIVE,
    "SLEEPING": Status.SLEEPING,
    "FAILED": Status.FAILED,
    "CRASHED": Status.CRASHED,
    "SKIPPED": Status.SKIPPED,
    "REMOVING": Status.REMOVING,
    "REMOVED": Status.REMOVED,
}
"""All 13 of the schema."""

REPLICA: dict[str, Status] = {
    "CREATED": Status.QUEUED,
    "INITIALIZING": Status.DEPLOYING,
    "RUNNING": Status.LIVE,
    "RESTARTING": Status.DEPLOYING,
    "CRASHED": Status.CRASHED,
    "EXITED": Status.STOPPED,
    "STOPPED": Status.STOPPED,
    "REMOVING": Status.REMOVING,
    "REMOVED": Status.REMOVED,
    "SKIPPED": Status.SKIPPED,
}
BEFORE_START = frozenset({Status.QUEUED, Status.WAITING, Status.NEEDS_APPROVAL, Status.BUILDING, Status.DEPLOYING})
RUNS = frozenset({Status.LIVE, Status.SLEEPING, Status.CRASHED})

_STARTING = frozenset({"CREATED", "INITIALIZING", "RESTARTING"})
_ENDED = frozenset({"EXITED", "STOPPED", "REMOVING", "REMOVED", "SKIPPED"})
_NOTE: dict[str, str] = {
    "INITIALIZING": "Initializing",
    "WAITING": "Waiting for CI",
    "NEEDS_APPROVAL": "Waiting for approval",
}


def state(row: DeploymentRow, replicas: Sequence[ReplicaRow]) -> Status:
    """Return what the deployment is, whether or not a newer one has taken its place."""
    status = STATUS.get(row.status, Status.UNKNOWN)
    instances = {replica.status for replica in replicas}
    if status is Status.LIVE:
        return Status.STOPPED if row.deployment_stopped else _successful(instances)
    if status in (Status.CRASHED, Status.SLEEPING) and row.deployment_stopped and instances and instances <= _ENDED:
        return Status.STOPPED
    return status


def is_up(row: DeploymentRow) -> bool:
    """Say whether it serves, or would on the next request."""
    return state(row, row.replicas()).up


def note(row: DeploymentRow, status: Status, replicas: Sequence[ReplicaRow], *, queued: str, is_cron: bool) -> str:
    """Return why it is as it is; `queued` is Railway's own reason for a wait."""
    if queued and status in BEFORE_START:
        return queued
    crashed = sum(replica.status == "CRASHED" for replica in replicas)
    if crashed and any(replica.status == "RUNNING" for replica in replicas):
        return f"{crashed}/{len(replicas)} replicas crashed"
    match row.status, status:
        case "CRASHED", Status.STOPPED:
            return "Stopped after a crash: nothing runs"
        case _, Status.STOPPED:
            return "Completed" if is_cron else "Completed or stopped: nothing runs"
        case "SUCCESS", Status.UNKNOWN:
            return "Railway calls it successful, but none of its instances runs"
        case "SUCCESS", Status.DEPLOYING:
            return "Its instances are starting"
    return _NOTE.get(row.status, "")


def _successful(instances: Collection[str]) -> Status:
    """Refine SUCCESS, which stays while instances restart or crash: only a running one shows that it is live."""
    if not instances or "RUNNING" in instances:
        return Status.LIVE
    if not _STARTING.isdisjoint(instances):
        return Status.DEPLOYING
    if "CRASHED" in instances and _ENDED.issuperset(set(instances) - {"CRASHED"}):
        return Status.CRASHED
    return Status.UNKNOWN if _ENDED.issuperset(instances) else Status.LIVE
