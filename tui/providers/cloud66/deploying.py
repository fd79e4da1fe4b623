"""Redeploy, deploy, rollback and cancel: what is done to a stack's deployments.

Source: https://developers.cloud66.com/v3/endpoints/deployments/
"""

from __future__ import annotations

import re
from typing import Any

from tui.model.action import Effect, Intent, Receipt, Verb
from tui.model.entities import Deployment
from tui.model.errors import Refused
from tui.model.provider import Handler
from tui.providers.cloud66 import decode, pending, reasons, words
from tui.providers.cloud66.acting import Acting, Call, named, one_of, only, option, where
from tui.providers.cloud66.evidence import reference
from tui.providers.cloud66.progress import cancelling, deploying
from tui.providers.cloud66.wire import StackRow

_PROFILE = "the name of a saved deployment profile"
_STRATEGY = "serial, parallel, rolling (Rails and Rack) or fast (Kubernetes)"
_STRATEGIES = ("serial", "parallel", "rolling", "fast")
_SERVICE = re.compile(r"[^\s,:]+(:\S+)?")

DEPLOY_OPTIONS = {
    "git-ref": "a branch, tag or commit; not for docker stacks",
    "services": "docker stacks only: which services, each with an image tag or git reference: web:v2,api:v7",
    "profile": _PROFILE,
    "strategy": _STRATEGY,
}
ROLLBACK_OPTIONS = {"profile": _PROFILE, "strategy": _STRATEGY}

REPLACED = "What serves now is replaced when the new deployment is up."
_QUEUED = "A deployment is under way: this one waits for its end."
_OLD_CODE = (
    "It is a new build of the old commit: database migrations only run forward.",
    "The database is not restored, and today's environment variables apply.",
)


class Deploying:
    def __init__(self, acting: Acting) -> None:
        self._acting = acting

    def handlers(self) -> dict[Verb, Handler]:
        return {
            Verb.REDEPLOY: Handler(self._deploy, self._deploy_effect, DEPLOY_OPTIONS),
            Verb.DEPLOY: Handler(self._deploy, self._deploy_effect, DEPLOY_OPTIONS),
            Verb.ROLLBACK: Handler(self._roll_back, self._rollback_effect, ROLLBACK_OPTIONS),
            Verb.CANCEL: Handler(self._cancel, self._cancel_effect),
        }

    # -- deploy -----------------------------------------------------------------------------------------------

    async def _deploy(self, intent: Intent) -> Receipt:
        return await self._post(intent, self._deploy_call(intent))

    def _deploy_effect(self, intent: Intent) -> Effect:
        call = self._deploy_call(intent)
        body = call.body or {}
        what = body.get("git_ref") or body.get("services") or "what its branch or images are now"
        warnings = [REPLACED]
        if self._acting.stack(intent).moves:
            warnings.append(_QUEUED)
        chosen = intent.deployment
        if chosen is not None and intent.service.latest is not None and chosen.ref != intent.service.latest.ref:
            warnings.append(f"It does not deploy what {named(chosen)} was: rollback does.")
        return self._acting.effect(intent, call, f"Deploys {where(intent)} with {what}.", *warnings)

    def _deploy_call(self, intent: Intent) -> Call:
        only(intent, DEPLOY_OPTIONS)
        row = self._acting.stack(intent).row
        body: dict[str, Any] = {}
        if git_ref := option(intent, "git-ref"):
            if decode.is_docker(row):
                raise Refused(
                    f"{where(intent)} is a docker stack, which takes no git-ref.", remedy="Use services=web:<tag>."
                )
            if " " in git_ref:
                raise Refused("A git-ref is a branch, a tag or a commit, and has no blanks.")
            body["git_ref"] = git_ref
        if services := option(intent, "services"):
            body["services"] = self._services(intent, services)
        return self._call(intent, body)

    def _services(self, intent: Intent, text: str) -> str:
        """`web:v2,api:v7`, checked."""
        stack = self._acting.stack(intent)
        if stack.row.framework and not decode.is_docker(stack.row):
            raise Refused(f"{where(intent)} is no docker stack: it has no services.", remedy="Use git-ref.")
        parts = [part.strip() for part in text.split(",")]
        if not all(_SERVICE.fullmatch(part) for part in parts):
            raise Refused("The option services is written web:tag,api:tag.")
        known = sorted({child.group for child in stack.children or ()})
        if stack.children_odd:
            return ",".join(parts)
        unknown = [part for part in parts if known and part.partition(":")[0] not in known]
        if unknown:
            name = unknown[0].partition(":")[0]
            raise Refused(f"{where(intent)} has no service {name[:40]!r}.", remedy=f"It has {', '.join(known)}.")
        return ",".join(parts)

    # -- rollback ---------------------------------------------------------------------------------------------

    async def _roll_back(self, intent: Intent) -> Receipt:
        return await self._post(intent, self._rollback_call(intent))

    def _rollback_effect(self, intent: Intent) -> Effect:
        call = self._rollback_call(intent)
        target = named(intent.deployment) if intent.deployment is not None else "an older deployment"
        return self._acting.effect(
            intent, call, f"Redeploys the older commit of {target} to {where(intent)}.", *_OLD_CODE, REPLACED
        )

    def _rollback_call(self, intent: Intent) -> Call:
        only(intent, ROLLBACK_OPTIONS)
        target = intent.deployment
        if target is None:
            raise Refused("A rollback wants to know which deployment to go back to.", remedy="Name one.")
        if decode.is_docker(self._acting.stack(intent).row):
            raise Refused(reasons.PICK_A_TAG)
        if target.revision is None or not target.revision.sha:
            raise Refused(f"Cloud 66 does not tell the commit of {named(target)}.", remedy="Redeploy with git-ref.")
        return self._call(intent, {"git_ref": target.revision.sha})

    # -- cancel -----------------------------------------------------------------------------------------------

    async def _cancel(self, intent: Intent) -> Receipt:
        target = self._cancelled(intent)
        answer = await self._acting.send(intent, self._cancel_call(target))
        row = self._acting.accepted_row(answer)
        return self._acting.receipt(
            intent, answer, message=row.message or "", deployment=target.ref, operation=cancelling(target.ref)
        )

    def _cancel_effect(self, intent: Intent) -> Effect:
        target = self._cancelled(intent)
        does = f"Asks Cloud 66 to cancel {named(target)} of {where(intent)}."
        return self._acting.effect(intent, self._cancel_call(target), does, "What serves now goes on serving.")

    def _cancelled(self, intent: Intent) -> Deployment:
        only(intent, ())
        target = intent.deployment or intent.service.latest
        if target is None:
            doubt = intent.service.doubt
            raise Refused(f"{where(intent)}: {doubt}" if doubt else f"{where(intent)} has no deployment to cancel.")
        if pending.is_provisional(target.ref):
            raise Refused(reasons.NOT_LISTED)
        return target

    def _cancel_call(self, target: Deployment) -> Call:
        return Call("DELETE", ("deployments", target.id))

    # -- what they share --------------------------------------------------------------------------------------

    def _call(self, intent: Intent, body: dict[str, Any]) -> Call:
        """Keys that are not wanted are left out. The reference is what the action is found by."""
        row = self._acting.stack(intent).row
        if profile := option(intent, "profile"):
            body["deployment_profile"] = profile
        if strategy := one_of(intent, "strategy", _STRATEGIES):
            _check_strategy(row, strategy)
            body["deploy_strategy"] = strategy
        return Call("POST", ("deployments",), {**body, "user_reference": reference(intent)})

    async def _post(self, intent: Intent, call: Call) -> Receipt:
        answer = await self._acting.send(intent, call)
        row = self._acting.accepted_row(answer)
        message = (row.message or "").rstrip(".")
        if words.flag(row.queued) and message:
            message += " (it may wait for another deployment)"
        operation = deploying(row)
        return self._acting.receipt(intent, answer, message=message, operation=operation)


def _check_strategy(row: StackRow, strategy: str) -> None:
    if strategy == "rolling" and row.framework and not decode.is_rails(row):
        raise Refused(f"The strategy rolling is for Rails and Rack; this stack is {row.framework[:40]}.")
    if strategy == "fast" and row.framework and (row.backend or "").lower() != "kubernetes":
        raise Refused("The strategy fast is for stacks on Kubernetes.")
