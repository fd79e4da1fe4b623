"""The part of the board that acts: from a key to a sheet, from a confirmed sheet to the engine."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable
from functools import partial
from typing import TYPE_CHECKING

from textual.screen import Screen

from tui.model.action import Intent, Verb
from tui.model.entities import Deployment, Ref, Service
from tui.model.target import acted_upon

if TYPE_CHECKING:
    from tui.engine.engine import Engine


class ActingScreen(Screen[None]):
    """A screen with a selected service, and perhaps one of its deployments."""

    engine: Engine
    service: Ref | None

    @abstractmethod
    def say(self, text: str, style: str = "notice") -> None:
        """One line at the bottom."""

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
            self.app.push_screen(ActionsSheet(service, verbs, self.engine.clock.now()), self._verb_taken)

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
        return reasons[0] if reasons else "there is no earlier deployment to go back to"

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
        self.app.push_screen(sheet, partial(self._rollback_chosen, service))

    def _rollback_chosen(self, service: Service, key: Hashable | None) -> None:
        if isinstance(key, Ref) and (deployment := self.engine.store.deployment(key)):
            self._confirm(Verb.ROLLBACK, service, deployment)

    def _confirm(self, verb: Verb, service: Service, deployment: Deployment | None) -> None:
        from tui.screens.confirm import ConfirmScreen

        actions = self.engine.actions
        if (reason := actions.blocked(verb, service, deployment)) is not None:
            self.say(f"No {verb} of {service.name}: {reason}", "alert")
            return
        intent = actions.intent(verb, service, deployment)
        title = self.engine.store.accounts[service.account].title
        sheet = ConfirmScreen(intent, title, actions, self.engine.store)
        self.app.push_screen(sheet, self._confirmed)

    def _confirmed(self, intent: Intent | None) -> None:
        if intent is None:
            self.say("Kept: nothing was done.")
        else:
            self.say("")
            self.engine.actions.start(intent)
