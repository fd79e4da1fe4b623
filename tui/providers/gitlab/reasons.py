"""Why a verb cannot be done now, as far as GitLab's rows tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.model.action import Verb
from tui.model.entities import Deployment
from tui.model.status import Status
from tui.providers.gitlab.wire import DeploymentRow

if TYPE_CHECKING:  # the two belong together: a deployment is decoded with its reasons
    from tui.providers.gitlab.decode import Place

RETRYABLE = frozenset({"success", "failed", "canceled", "canceling"})
CANCELABLE = frozenset(
    {"created", "waiting_for_resource", "preparing", "waiting_for_callback", "pending", "running", "canceling"}
    | {"scheduled"}
)
EXTERNAL = "This deployment was made through the API, not by GitLab CI: GitLab has no job of it to run"
NO_JOB = "Its job could not be read, so GitLab cannot be asked to act on it from here."
NO_ROLLBACK = (
    "The project prevents outdated deployments (Settings > CI/CD > General pipelines); its owner can allow rollbacks "
    "there."
)


def of_deployment(row: DeploymentRow, place: Place, status: Status, *, manual: bool) -> dict[Verb, str]:
    """Reasons only: what is not named here may be tried."""
    told = "waiting for approval" if status is Status.NEEDS_APPROVAL else status.replace("_", " ")
    is_live = row.id == place.live
    why: dict[Verb, str] = {}
    if (reason := _no_retry(row, told, manual)) is not None:
        why[Verb.REDEPLOY] = why[Verb.ROLLBACK] = reason
    if is_live:
        why[Verb.ROLLBACK] = "This is the deployment that serves; choose an older one."
    elif status not in (Status.SUPERSEDED, Status.LIVE, Status.STOPPED, Status.UNKNOWN):
        why[Verb.ROLLBACK] = f"Only a deployment that went well can be gone back to; it is {told}."
    elif Verb.ROLLBACK not in why and place.rollback is False:
        why[Verb.ROLLBACK] = NO_ROLLBACK
    if (reason := _no_cancel(row, told, manual)) is not None:
        why[Verb.CANCEL] = reason
    if status is Status.DEPLOYING:
        why[Verb.REMOVE] = "It is running, and a running deployment cannot be removed: cancel it instead."
    elif is_live:
        why[Verb.REMOVE] = "It is the one that is deployed, which GitLab does not remove from the list."
    if (reason := _no_approval(status, told, place, manual)) is not None:
        why[Verb.APPROVE] = why[Verb.REJECT] = reason
    if not row.is_external:
        why[Verb.SET_STATUS] = "GitLab CI sets the status of this deployment itself: cancel or redeploy it instead."
    if status is Status.NEEDS_APPROVAL and not manual and row.pending_approval_count:
        lacking = row.pending_approval_count
        why[Verb.DEPLOY] = f"{lacking} approval{'s are' if lacking != 1 else ' is'} missing: approve it first."
    if (reason := of_state(place.state)) is not None:
        why[Verb.STOP] = reason
    elif not is_live:
        why[Verb.STOP] = "Only a whole environment can be stopped, and this is not what it runs; stop the service."
    return why


def of_service(latest: Deployment | None, live: Deployment | None, state: str, doubt: str) -> dict[Verb, str]:
    """Return reasons for verbs that are asked of the service alone. `doubt`: why its newest deployment is not known."""
    why: dict[Verb, str] = {}
    for verb in Verb:
        meant = target(verb, latest, live)
        if doubt and verb in _OF_A_DEPLOYMENT:
            why[verb] = f"{doubt} Choose the deployment that is meant." if meant is not None else doubt
        elif meant is not None and verb in meant.not_now:
            why[verb] = meant.not_now[verb]
        elif meant is None and verb in _OF_A_DEPLOYMENT:
            why[verb] = "It has no deployment yet: deploy it first."
    if latest is None:
        why[Verb.ROLLBACK] = doubt or "It has no deployment to go back to."
    if (reason := of_state(state)) is not None:
        why[Verb.STOP] = reason
    else:
        why.pop(Verb.STOP, None)
    why.pop(Verb.DEPLOY, None)  # a new pipeline is always possible
    return why


def target(verb: Verb, latest: Deployment | None, live: Deployment | None) -> Deployment | None:
    """The deployment that a verb means when only the service is named."""
    match verb:
        case Verb.REDEPLOY:
            return live or latest
        case Verb.CANCEL | Verb.APPROVE | Verb.REJECT | Verb.DEPLOY | Verb.SET_STATUS | Verb.REMOVE:
            return latest
    return None


_OF_A_DEPLOYMENT = frozenset({Verb.REDEPLOY, Verb.CANCEL, Verb.APPROVE, Verb.REJECT, Verb.SET_STATUS, Verb.REMOVE})


def of_state(state: str) -> str | None:
    if state == "stopped":
        return "The environment is stopped already; a deployment makes it available again."
    return "The environment is being stopped." if state == "stopping" else None


def _no_retry(row: DeploymentRow, told: str, manual: bool) -> str | None:
    job = row.job
    if row.is_external:
        return EXTERNAL + " again."
    if job is None:
        return NO_JOB
    if job.failure_reason == "deployment_rejected":
        return "It was rejected, and a rejected deployment is not run again: deploy a new pipeline."
    if manual:
        return "Its job has not run yet: deploy it."
    if job.status and job.status not in RETRYABLE:
        return f"Its job can be run again when it has ended; it is {told}."
    return None


def _no_cancel(row: DeploymentRow, told: str, manual: bool) -> str | None:
    job = row.job
    if not row.is_external and job is None:
        return NO_JOB
    if job is None:
        return None if row.status in ("created", "running") else f"Only what runs can be canceled; it is {told}."
    if manual:
        return "Its job does not run: it waits for somebody to deploy it."
    if job.status == "manual":
        return "Its job does not run yet; reject it instead."
    if job.status and job.status not in CANCELABLE:
        return f"Only a deployment under way can be canceled; it is {told}."
    return None


def _no_approval(status: Status, told: str, place: Place, manual: bool) -> str | None:
    if not place.approvals:
        return "This GitLab server has no deployment approvals: they came with 14.8, in Premium and Ultimate."
    if manual:
        return "It waits for no approval: its job is manual, deploy it."
    if status not in (Status.NEEDS_APPROVAL, Status.UNKNOWN):
        return f"It does not wait for an approval: it is {told}."
    return None
