"""The part of the board that acts: from a key to a sheet, from a confirmed sheet to the engine."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Hashable
from functools import partial
from typing import TYPE_CHECKING

from tui.engine.evidence import caveat
from tui.model.action import Intent, Verb
from tui.model.entities import Deployment, Ref, Service
from tui.model.errors import Refused
from tui.model.target import acted_upon
from tui.screens.layer import Layer
from tui.screens.words import absent

if TYPE_CHECKING:
    from tui.engine.action import Action
    from tui.engine.engine import Engine
    from tui.engine.undo import Done
    from tui.widgets.service_list import ServiceList


class ActingScreen(Layer[None]):
    """A screen with a selected service, and perhaps one of its deployments."""

    engine: Engine
    service: Ref | None
    services: ServiceList
    merged: tuple[Ref, ...]
    """The marked services, in the order in which they were marked."""

    @abstractmethod
    def say(self, text: str, style: str = "notice") -> None:
        """One line at the bottom."""

    def caveat(self, accounts: Collection[str] | None = None) -> str:
        """Return why nothing can be called absent from these accounts, or all; "" where it can."""
        now = self.engine.clock.now()
        return caveat(self.engine.store, now, accounts)

    def gone(self, path: str, account: str) -> str:
        """Return what there is to say of a service that the picture does not have."""
        return absent(f"{path} is not there any more.", f"{path} is not in what was read", self.caveat([account]))

    @abstractmethod
    def chosen_deployment(self) -> Deployment | None:
        """The one that a verb is meant for, where the user has pointed at one; None: the service's usual one."""

    def _chosen(self) -> tuple[Service, Deployment | None] | None:
        service = self.engine.store.service(self.service) if self.service else None
        if service is None:
            self.say("Choose a service first.")
            return None
        return service, self.chosen_deployment()

    def action_actions(self) -> None:
        from tui.screens.choose import ActionsSheet

        if (chosen := self._chosen()) is not None:
            service, deployment = chosen
            verbs = {
                verb: self.engine.actions.blocked(verb, service, acted_upon(verb, service, deployment)) for verb in Verb
            }
            verbs[Verb.ROLLBACK] = self._no_rollback(service)
            self.open(ActionsSheet(service, verbs, self.engine.clock.now()), self._verb_taken)

    def _verb_taken(self, verb: Hashable | None) -> None:
        if isinstance(verb, Verb):
            self.action_act(verb)

    def action_act(self, verb: str) -> None:
        """Opens the sheet for one verb, or says why it cannot be done now."""
        chosen = self._chosen()
        if chosen is None:
            return
        service, deployment = chosen
        wanted = Verb(verb)
        if wanted is Verb.ROLLBACK:
            self._choose_rollback(service)
            return
        self._confirm(wanted, service, acted_upon(wanted, service, deployment))

    def _no_rollback(self, service: Service) -> str | None:
        """Why there is nothing to go back to."""
        timeline = self.engine.store.timeline(service.ref)
        older = [d for d in timeline.deployments if not d.is_live] if timeline else []
        reasons = [self.engine.actions.blocked(Verb.ROLLBACK, service, d) for d in older]
        if any(reason is None for reason in reasons):
            return None
        if reasons:
            return reasons[0]
        if timeline is None or timeline.observed_at is None:
            return (
                "its deployments could not be read" if timeline and timeline.error else "its deployments are being read"
            )
        whole = "there is no earlier deployment to go back to"
        return absent(
            whole, "no earlier deployment in what was read", self.caveat([service.account]), *timeline.problems
        )

    def _choose_rollback(self, service: Service) -> None:
        from tui.screens.choose import ChooseSheet, rollback_offers

        if (reason := self._no_rollback(service)) is not None:
            self.say(f"No rollback of {service.name}: {reason}", "alert")
            return
        timeline = self.engine.store.timeline(service.ref)
        deployments = timeline.deployments if timeline else ()
        now = self.engine.now(service.account)
        reasons = {d.id: self.engine.actions.blocked(Verb.ROLLBACK, service, d) for d in deployments}
        sheet = ChooseSheet(
            f"Roll back {service.name} to which deployment?", rollback_offers(service, deployments, reasons, now), now
        )
        self.open(sheet, partial(self._rollback_chosen, service))

    def _rollback_chosen(self, service: Service, key: Hashable | None) -> None:
        if isinstance(key, Ref) and (deployment := self.engine.store.deployment(key)):
            self._confirm(Verb.ROLLBACK, service, deployment)

    def _confirm(self, verb: Verb, service: Service, deployment: Deployment | None, *, takes_back: str = "") -> None:
        from tui.screens.confirm import ConfirmScreen

        actions = self.engine.actions
        if (reason := actions.blocked(verb, service, deployment)) is not None:
            self.say(f"No {verb} of {service.name}: {reason}", "alert")
            return
        intent = actions.intent(verb, service, deployment)
        title = self.engine.store.accounts[service.account].title
        sheet = ConfirmScreen(intent, title, actions, self.engine.store, takes_back=takes_back)
        self.open(sheet, self._confirmed)

    def _confirmed(self, intent: Intent | None) -> None:
        if intent is None:
            self.say("Kept: nothing was done.")
        else:
            self.say("")
            self.engine.actions.start(intent)

    # What is under way

    def action_cancel_rollout(self) -> None:
        """The sheet that stops a batch's rest, or cancels what an action made, or the selected service's rollout."""
        batch = self.engine.actions.batch
        if batch is not None and batch.waiting and not batch.ended:
            from tui.screens.confirm_many import StopRestScreen

            self.open(StopRestScreen(batch, self.engine), self._rest_stopped)
            return
        action = self._to_cancel()
        if action is None:
            if (chosen := self._chosen()) is not None:
                self._confirm(Verb.CANCEL, chosen[0], acted_upon(Verb.CANCEL, *chosen))
            return
        if (service := self.engine.store.service(action.intent.service.ref)) is None:
            self.say(self.gone(action.intent.service.path, action.intent.service.account), "alert")
        elif action.deployment is None:
            self.say(
                f"No cancel of {service.name}: the deployment that its {action.intent.verb} makes is not seen yet."
            )
        else:
            deployment = self.engine.store.deployment(action.deployment) or acted_upon(Verb.CANCEL, service)
            self._confirm(Verb.CANCEL, service, deployment)

    def _to_cancel(self) -> Action | None:
        """The selected service's action; where it has none and nothing in flight, the newest one under way."""
        actions = self.engine.actions
        if self.service is not None and (action := actions.running.get(self.service)) is not None:
            return action
        service = self.engine.store.service(self.service) if self.service else None
        if service is not None and service.latest is not None and service.latest.status.in_flight:
            return None
        return next(iter(actions.under_way), None)

    def _rest_stopped(self, stop: bool | None) -> None:
        batch = self.engine.actions.batch
        if stop and batch is not None:
            batch.stop("by hand")
            self.say("")
            self.engine.store.touch()

    # Taking back

    def action_undo(self) -> None:
        """The sheet that takes back the selected service's last action, or the last one of all."""
        from tui.engine.undo import Done

        recent = self.engine.actions.recent
        mine = [action for action in recent if action.intent.service.ref == self.service]
        action = next(iter(mine or recent), None)
        if action is None:
            self.say("Nothing was done from here that could be taken back.")
        else:
            self.take_back(Done.of(action))

    def take_back(self, done: Done | None) -> None:
        """Opens the sheet that would, or says why there is none."""
        from tui.engine.undo import undo_of

        if done is None:
            return
        name = done.target.rpartition("/")[2]
        found = undo_of(done, self.engine.actions, self.engine.store)
        if isinstance(found, str):
            timeline = self.engine.store.timeline(done.service) if done.service else None
            if done.service is not None and timeline is not None and timeline.observed_at is None:
                self.engine.timeline(done.service)
                found = "its deployments are being read; ask again"
            self.say(f"No way back from {done.verb} of {name}: {found}.", "alert")
        else:
            self._confirm(found.verb, found.service, found.deployment, takes_back=f"{done.verb} of {name}")

    # Several at once

    def action_act_marked(self) -> None:
        from tui.screens.choose import ManyActionsSheet
        from tui.screens.confirm_many import candidates

        if not self.merged:
            self.say("No service is marked: m in the services marks one, M all that changed lately.")
            return
        for ref in self.merged:
            self.engine.timeline(ref)
        verbs = {verb: [each.reason for each in candidates(self.engine, verb, self.merged)] for verb in Verb}
        self.open(ManyActionsSheet(verbs, self.engine.clock.now(), self._hidden()), self._verb_of_many)

    def _hidden(self) -> int:
        """How many of the marked the list does not show."""
        shown = {self.services.key(item) for item in self.services.items}
        return sum(ref not in shown for ref in self.merged)

    def _verb_of_many(self, verb: Hashable | None) -> None:
        from tui.screens.confirm_many import ConfirmManyScreen, candidates

        if isinstance(verb, Verb):
            found = candidates(self.engine, verb, self.merged)
            self.open(ConfirmManyScreen(self.engine, verb, found, hidden=self._hidden()), self._many_confirmed)

    def _many_confirmed(self, intents: tuple[Intent, ...] | None) -> None:
        if not intents:
            self.say("Kept: nothing was done.")
            return
        try:
            self.engine.actions.start_many(intents)
        except Refused as error:
            self.say(error.message, "alert")
        else:
            self.say("")
