"""Where the world's deployments stand in Cloud 66's terms: what is live, what is under way, how it ended.

Cloud 66 documents three outcomes and no more. So one that was cancelled, or had nothing to build, ends as `failed`,
with `reverted` null: none of the documented words says it better.
"""

from __future__ import annotations

from tui.demo.entities import PENDING, UNDER_WAY, UP, Deployment, InstanceState, Phase, Service

PENDING_OUTCOME, SUCCESS, FAILED = (0, "pending"), (1, "success"), (2, "failed")
_OF_THE_FUTURE = 9  # no documented outcome has this code
_DEPLOYING = frozenset({Phase.BUILDING, Phase.DEPLOYING})


def is_docker(service: Service) -> bool:
    """Its framework is docker: there are services in it. Else it is a Rails stack, with processes."""
    return service.kind != "rails"


def is_restarting(one: Deployment) -> bool:
    """It was deployed long ago; only its instances are started anew. No deployment of Cloud 66's is that."""
    restarting = any(instance.state is InstanceState.RESTARTING for instance in one.instances)
    return one.phase is Phase.DEPLOYING and one.live_from is not None and restarting


def is_under_way(one: Deployment) -> bool:
    return one.phase in UNDER_WAY and not is_restarting(one)


def is_deploying(one: Deployment) -> bool:
    return one.phase in _DEPLOYING and not is_restarting(one)


def is_waiting(one: Deployment) -> bool:
    return one.phase in PENDING


def serving(service: Service) -> Deployment | None:
    """The one that is live, even if it crashes or stands still."""
    return next((one for one in service.recent if one.phase in UP or is_restarting(one)), None)


def head(service: Service) -> Deployment:
    """The newest of what was pushed: a later redeployment of something older moves no branch."""
    moved = (one for one in service.recent if one.trigger not in ("redeploy", "rollback"))
    return next(moved, service.recent[0])


def busy(service: Service) -> bool:
    """A deployment or a restart is under way, or waits."""
    return any(one.phase in UNDER_WAY for one in service.recent)


def outcome(one: Deployment) -> tuple[int, str]:
    """(code, word)"""
    if one.word:
        return _OF_THE_FUTURE, one.word
    if is_under_way(one):
        return PENDING_OUTCOME
    return FAILED if one.live_from is None or one.phase is Phase.FAILED else SUCCESS


def finished_at(one: Deployment) -> int | None:
    return None if is_under_way(one) else one.live_from or one.removed_at or one.changed_at


def went_well(one: Deployment) -> bool:
    return one.live_from is not None and one.phase is not Phase.FAILED


def reverted_by(one: Deployment) -> Deployment | None:
    """The rollback that took its place, if that was one."""
    after: Deployment | None = None
    for each in one.service.deployments:
        if each is one:
            break
        if each.live_from is not None:
            after = each
    return after if after is not None and after.trigger == "rollback" and one.live_from is not None else None
