"""Deployments are ordered and cancelled. An order that is accepted is carried out once."""

from __future__ import annotations

import re
from typing import Any

from tui.demo import lifecycle
from tui.demo.cast import Commit, new_commit
from tui.demo.cloud66 import ids, parts, states
from tui.demo.cloud66.asking import Asked, Wire, bad_request, conflict, not_found
from tui.demo.cloud66.side import DEPLOYMENT
from tui.demo.entities import Deployment, Phase, Service
from tui.demo.world import Denied

MOST_REFERENCE = 255
_CHOICES = {
    "deploy_strategy": ("serial", "parallel", "rolling", "fast"),
    "rollout_strategy": ("none", "blue_green_immediate", "blue_green_delayed", "canary"),
}


def deploy(asked: Asked) -> Wire:
    """Answers in the three documented ways: a Rails stack as the newest page prints it, where `queued` is true whether
    it waits or not and `id` is the new deployment's; a docker stack in the older two.
    """
    service = asked.stack()
    git_ref, tags = asked.text("git_ref"), _tags(asked.given.get("services"))
    _check(asked, service, git_ref, tags)
    commit, trigger = _commit(asked, service, git_ref)
    waits = states.busy(service)
    made = _begin(asked, service, commit, trigger, waits=waits)
    asked.side.ask_for(made, tags)
    person, reference = asked.token.person, asked.text("user_reference")
    action = asked.side.begin(service, DEPLOYMENT, person.email, reference, made)
    if not states.is_docker(service):
        return {"id": ids.deployment_number(made), "message": "Deployment scheduled", "queued": True}
    if waits:
        message = "Stack queued for redeployment"
        return {"ok": True, "message": message, "async_action_id": action.id, "queued": True}
    return {"ok": True, "message": "Stack starting redeployment", "queued": False}


def _begin(asked: Asked, service: Service, commit: Commit, trigger: str, *, waits: bool) -> Deployment:
    asked.world.calls["deploy", service.id] += 1
    hold = Phase.QUEUED if waits else None
    made = lifecycle.begin(asked.world, service, commit, trigger, asked.token.person, hold=hold)
    if waits:
        asked.side.queue(made)
    return made


def _tags(given: Any) -> dict[str, str]:  # noqa: ANN401 - JSON
    """`web:tag,api:tag` in the text, an array of the same in the Go client. A service without a tag keeps its own."""
    each = [str(one) for one in given] if isinstance(given, list) else str(given or "").split(",")
    pairs = [one.strip().partition(":") for one in each if one.strip()]
    return {name: tag for name, _, tag in pairs}


def _check(asked: Asked, service: Service, git_ref: str, tags: dict[str, str]) -> None:
    if git_ref and states.is_docker(service):
        raise bad_request("git_ref is for stacks without docker; use services")
    if tags and not states.is_docker(service):
        raise bad_request("services is for docker stacks; use git_ref")
    for name in tags:
        if name not in parts.service_names(service):
            raise bad_request(f"There is no service {name!r} in this stack")
    if len(asked.text("user_reference")) > MOST_REFERENCE:
        raise bad_request(f"user_reference has more than {MOST_REFERENCE} characters")
    for name, choices in _CHOICES.items():
        if (chosen := asked.text(name)) and chosen not in choices:
            raise bad_request(f"{name} is one of {', '.join(choices)}")
    if asked.number("canary_percentage", 0) > 100:
        raise bad_request("canary_percentage is at most 100")


def _commit(asked: Asked, service: Service, git_ref: str) -> tuple[Commit, str]:
    """What to deploy, and what the world calls that. Without a reference it is the head of the stack's branch, which
    every push here deploys; a hash is one that was deployed before; another name is a branch or a tag.
    """
    head = states.head(service).commit
    if git_ref in ("", head.branch):
        return head, "deploy"
    if re.fullmatch(r"[0-9a-f]{7,40}", git_ref) is None:
        return new_commit(f"{asked.world.seed}:{service.id}:{git_ref}", branch=git_ref), "redeploy"
    for one in service.deployments:
        if one.commit.sha.startswith(git_ref):
            return one.commit, "redeploy"
    raise bad_request(f"Unable to find the git reference {git_ref}")


def cancel(asked: Asked) -> Wire:
    one = asked.deployment()
    if states.is_restarting(one):
        raise conflict("This deployment is finished")
    try:
        lifecycle.cancel(asked.world, one)
    except Denied as error:
        raise conflict(str(error)) from None
    return {"ok": True, "message": "Deployment cancelled"}


def change_variant(asked: Asked) -> Wire:
    service = asked.stack()
    one = states.serving(service)
    if one is None or asked.path["id"] not in (one.id[:12], str(ids.deployment_number(one))):
        raise not_found("Application variant")
    if asked.text("operation") != "commit":
        raise bad_request("operation is commit")
    asked.world.calls["variant", service.id] += 1
    action = asked.side.begin(service, "variant_commit", asked.token.person.email)
    return {"ok": True, "message": "Variant committed", "async_action_id": action.id}
