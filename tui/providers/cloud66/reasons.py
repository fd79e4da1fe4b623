"""Why a verb cannot be done now, as far as Cloud 66's rows tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.model.action import Verb
from tui.model.entities import Deployment
from tui.model.status import Status
from tui.providers.cloud66.wire import DeploymentRow

if TYPE_CHECKING:  # the two belong together: a deployment is decoded with its reasons
    from tui.providers.cloud66.decode import Place

PICK_A_TAG = (
    "Cloud 66 does not tell which images an older deployment of a docker stack ran: pick an image tag, and redeploy "
    "with services=web:<tag>."
)
NOT_LISTED = "Cloud 66 has not listed this deployment yet; it can be cancelled when it has."


def of_deployment(row: DeploymentRow, place: Place, status: Status) -> dict[Verb, str]:
    """Reasons only: what is not named here may be tried. Whatever failed, a redeploy may be."""
    told = status.replace("_", " ")
    why: dict[Verb, str] = {}
    if (reason := _no_rollback(row, place, status, told)) is not None:
        why[Verb.ROLLBACK] = reason
    if status not in (Status.QUEUED, Status.DEPLOYING, Status.UNKNOWN):
        why[Verb.CANCEL] = f"Only a deployment under way can be cancelled; it is {told}."
    return why


def of_service(latest: Deployment | None, doubt: str, *, docker: bool) -> dict[Verb, str]:
    """Return reasons for verbs that are asked of the stack alone. `doubt`: why it may have a deployment after all."""
    why: dict[Verb, str] = {}
    if latest is None:
        why[Verb.CANCEL] = doubt or "It has no deployment that could be cancelled."
    elif Verb.CANCEL in latest.not_now:
        why[Verb.CANCEL] = latest.not_now[Verb.CANCEL]
    if docker:
        why[Verb.ROLLBACK] = PICK_A_TAG
    elif latest is None:
        why[Verb.ROLLBACK] = doubt or "It has no deployment to go back to."
    return why


def _no_rollback(row: DeploymentRow, place: Place, status: Status, told: str) -> str | None:
    if place.docker:
        return PICK_A_TAG
    if row.id == place.live:
        return "This is the deployment that serves; choose an older one."
    if status not in (Status.SUPERSEDED, Status.LIVE, Status.UNKNOWN):
        return f"Only a deployment that went well can be gone back to; it is {told}."
    if not row.git_hash:
        return "Cloud 66 does not tell the commit of this deployment: redeploy with git-ref instead."
    return None
