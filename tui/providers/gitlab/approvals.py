"""Approve and reject: what a deployment to a protected environment waits for."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tui.model.action import Effect, Intent, Progress, Receipt, Verb
from tui.model.errors import Refused
from tui.model.provider import Handler
from tui.providers.gitlab import decode
from tui.providers.gitlab.acting import Acting, Call, named, only, option, path_of, project_of, where
from tui.providers.gitlab.errors import NoRoute
from tui.providers.gitlab.wire import DeploymentRow

_OPTIONS = {
    "represented-as": "the user, group or role of the rule to answer for, if several rules fit you",
    "comment": "a comment that goes with it",
}
_SETTLES = timedelta(seconds=20)  # for a server on which the last approval starts the job
_NO_RULES = "There are no approval rules for the given"


class Approvals:
    def __init__(self, acting: Acting) -> None:
        self._acting = acting

    def handlers(self) -> dict[Verb, Handler]:
        return {verb: Handler(self._answer, self._effect, _OPTIONS) for verb in (Verb.APPROVE, Verb.REJECT)}

    def _effect(self, intent: Intent) -> Effect:
        target = self._acting.target(intent)
        call = _call(intent, target.id)
        if intent.verb is Verb.REJECT:
            return self._acting.effect(
                call,
                f"Rejects {named(target)} of {where(intent)}, whose job then fails.",
                "A rejected deployment is not run again: it takes a new pipeline.",
                "What serves now goes on serving.",
            )
        lacking = sum(rule.missing for rule in target.approvals)
        more = f"It wants {lacking} more, yours among them." if lacking > 1 else "It is the last one that is missing."
        warnings = [more] if lacking else []
        warnings.append("Approving does not deploy where approval rules exist: somebody has to deploy it then.")
        return self._acting.effect(call, f"Approves {named(target)} of {where(intent)}.", *warnings)

    async def _answer(self, intent: Intent) -> Receipt:
        target = self._acting.target(intent)
        call = _call(intent, target.id)
        row = await self._acting.read(intent, target)
        self._must_wait(row)
        try:
            await self._acting.send(intent, call)
        except NoRoute as error:
            self._acting.inventory.has_approvals = False
            raise Refused(
                "This GitLab server has no deployment approvals: they came with 14.8, in Premium and Ultimate."
            ) from error
        except Refused as error:
            if _NO_RULES in error.message:
                known = ", ".join(rule.who for rule in decode.approvals(row))
                raise Refused(error.message, remedy=f"represented-as is one of: {known}." if known else "") from error
            raise
        return self._accepted(intent, row)

    def _accepted(self, intent: Intent, row: DeploymentRow, message: str = "") -> Receipt:
        return self._acting.accepted(intent, message=message, operation=f"{intent.verb}:{project_of(intent)}:{row.id}")

    async def trace(self, intent: Intent, since: datetime) -> Receipt | None:
        """Look for an answer of this kind by the token's owner since then, with the same comment."""
        target = self._acting.target(intent)
        body = _call(intent, target.id).body
        row = await self._acting.read(intent, target)
        rules = row.approval_summary.rules if row.approval_summary is not None else None
        given = [*(row.approvals or ()), *(each for rule in rules or () for each in rule.deployment_approvals or ())]
        me = await self._acting.me()
        for each in given:
            same = each.status == body["status"] and (each.comment or "") == body.get("comment", "")
            if same and decode.is_same(each.user, me) and decode.is_since(each.created_at, since):
                return self._accepted(intent, row, f"deployment {row.id} is {each.status}")
        return None

    def _must_wait(self, row: DeploymentRow) -> None:
        if decode.word(row) != "blocked":
            raise Refused(f"Deployment {row.id} does not wait for an approval: it is {decode.word(row) or 'unknown'}.")
        if decode.is_manual(row, whole=True):
            raise Refused(f"Deployment {row.id} waits for no approval: its job is manual.", remedy="Deploy it.")

    async def progress(self, receipt: Receipt, project: int, deployment: int) -> Progress:
        """An approval has ended when it was given: what is still missing is said, and not waited for."""
        row = await self._acting.deployments.one(project, str(deployment))
        self._acting.inventory.learn_single(receipt.intent.service.ref, row)
        word = decode.word(row)
        if receipt.intent.verb is Verb.REJECT:
            if word == "blocked":
                return Progress(message="rejected; GitLab is ending its job")
            gone_on = word in ("running", "success")
            return Progress(ok=not gone_on, message=f"it is {word} all the same" if gone_on else "rejected")
        if word == "blocked":
            return self._approved(receipt, row)
        match word:
            case "success":
                return Progress(ok=True, message="approved and deployed")
            case "failed" | "canceled" | "skipped":
                return Progress(ok=False, message=f"approved, but then it was {word}")
        return Progress(message=f"approved; it is {word}")

    def _approved(self, receipt: Receipt, row: DeploymentRow) -> Progress:
        rules = decode.approvals(row)
        lacking = decode.missing(row)
        if lacking:
            whose = ", ".join(f"{rule.who} {rule.missing}" for rule in rules if rule.missing)
            words = f"approved; {lacking} more approval{'s' * (lacking != 1)} missing" + (
                f" ({whose})" if whose else ""
            )
            return Progress(ok=True, message=words)
        by_rules = row.approval_summary is not None and bool(row.approval_summary.rules)
        if not by_rules and self._acting.clock.now() - receipt.at < _SETTLES:
            return Progress(message="approved; GitLab is starting its job")
        return Progress(ok=True, message="approved; its job is manual: deploy it now")


def _call(intent: Intent, deployment: str) -> Call:
    only(intent, _OPTIONS)
    body: dict[str, Any] = {"status": "approved" if intent.verb is Verb.APPROVE else "rejected"}
    comment = option(intent, "comment") or intent.reason
    if comment:
        body["comment"] = comment
    if represented := option(intent, "represented-as"):
        body["represented_as"] = represented
    return Call("POST", f"{path_of(intent)}/deployments/{deployment}/approval", body)
