"""Everything that can be done to a Cloud 66 stack, and what cannot."""

from __future__ import annotations

from collections.abc import Mapping

from tui.model.action import Verb
from tui.model.log import LogKind
from tui.model.provider import Handler
from tui.providers.cloud66.acting import Acting
from tui.providers.cloud66.deploying import Deploying
from tui.providers.cloud66.running import Running

_APPROVAL = "Cloud 66 has deployment approval in its dashboard only: open the stack there."

LACKS: Mapping[Verb | LogKind, str] = {
    Verb.REMOVE: "Cloud 66 removes no deployments from its list, and deletes stacks in its dashboard only.",
    Verb.APPROVE: _APPROVAL,
    Verb.REJECT: _APPROVAL,
    Verb.RECORD: "Cloud 66 lists only deployments of its own: deploy instead.",
    Verb.SET_STATUS: "Cloud 66 sets the outcome of a deployment itself: cancel it or redeploy instead.",
    LogKind.RUNTIME: (
        "Cloud 66 has no runtime log API. Use Live Logs in the dashboard, or: cx tail -s <stack> <server> <file> / "
        "cx containers attach -s <stack> <container>"
    ),
    LogKind.HTTP: (
        "Cloud 66 has no HTTP log API; nginx logs stay on your servers. Use: cx tail -s <stack> <server> "
        "nginx_error.log"
    ),
}


def handlers(acting: Acting) -> dict[Verb, Handler]:
    return {**Deploying(acting).handlers(), **Running(acting).handlers()}
