"""What every action shares: the request as it is shown and as it is sent, its options, its receipt."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from tui.model.action import Danger, Effect, Intent, Outcome, Receipt
from tui.model.clock import Clock
from tui.model.entities import Deployment, Ref
from tui.model.errors import Refused
from tui.model.text import plain
from tui.providers.cloud66 import decode, words
from tui.providers.cloud66.api import Api, shown, stack_path
from tui.providers.cloud66.inventory import Inventory
from tui.providers.cloud66.reader import Reader
from tui.providers.cloud66.stacks import Stack
from tui.providers.cloud66.wire import AcceptedRow
from tui.providers.rest import Answer

_LONGEST = 255
_WHERE = "Its environment could not be read: it may be production."


class Call(Struct, frozen=True):
    """One request that changes something. `parts` stand behind the stack in the path."""

    method: str
    parts: tuple[str, ...]
    body: Mapping[str, Any] | None = None


class Acting:
    def __init__(self, api: Api, inventory: Inventory, reader: Reader, clock: Clock) -> None:
        self.api = api
        self.inventory = inventory
        self.reader = reader
        self.clock = clock

    def stack(self, intent: Intent) -> Stack:
        return self.inventory.stack(intent.service.ref)

    def effect(self, intent: Intent, call: Call, does: str, *warnings: str, danger: Danger = Danger.ASK) -> Effect:
        path = shown(stack_path(intent.service.ref.id, *call.parts))
        if "environment" in decode.unclear_of_stack(self.stack(intent).row):
            warnings, danger = (*warnings, _WHERE), Danger.TYPE
        body = f" {msgspec.json.encode(call.body).decode()}" if call.body else ""
        return Effect(f"{call.method} {self.api.peer.url}/{path}{body}", does, warnings, danger)

    async def send(self, intent: Intent, call: Call) -> Answer:
        try:
            return await self.api.act(call.method, stack_path(intent.service.ref.id, *call.parts), call.body)
        finally:
            self.inventory.acted(intent.service.ref)

    def accepted_row(self, answer: Answer) -> AcceptedRow:
        """Raises Refused where Cloud 66 answers 200 and says no; OutcomeUnknown where it does not say yes."""
        row = self.api.decoded(answer, AcceptedRow)
        ok = words.flag(row.ok)
        if ok is False:
            said = self.api.peer.quote(row.message or "it did not say why").rstrip(".")
            raise Refused(f"Account {self.api.account}: Cloud 66 refused: {said}.")
        says_yes = ok or row.id or row.async_action_id or words.flag(row.queued) is not None
        if not says_yes or (row.ok is not None and ok is None):
            raise answer.unreadable("it does not say whether it was accepted")
        self.api.learn_user(row.user)
        return row

    def receipt(
        self, intent: Intent, answer: Answer, *, message: str = "", deployment: Ref | None = None, operation: str = ""
    ) -> Receipt:
        said = " ".join(filter(None, (self.api.peer.quote(message), self.api.warning(answer))))
        return Receipt(
            intent, Outcome.ACCEPTED, self.clock.now(), message=said, deployment=deployment, operation=operation
        )


# -- words and options ------------------------------------------------------------------------------------


def where(intent: Intent) -> str:
    return f"{intent.service.name} in {intent.service.environment_name}"


def named(deployment: Deployment) -> str:
    short = deployment.revision.short if deployment.revision else ""
    return f"deployment {deployment.id}" + (f" ({short})" if short else "")


def option(intent: Intent, name: str) -> str:
    """Raises Refused for a value that no name on Cloud 66 can be."""
    value = intent.options.get(name, "").strip()
    if len(value) > _LONGEST or plain(value) != value:
        raise Refused(f"The option {name} is one line of at most {_LONGEST} characters.")
    return value


def one_of(intent: Intent, name: str, allowed: Collection[str]) -> str:
    value = option(intent, name)
    if value and value not in allowed:
        raise Refused(f"The option {name} is one of {', '.join(allowed)}, not {value[:40]!r}.")
    return value


def only(intent: Intent, known: Collection[str]) -> None:
    """Raises Refused for an option that the verb does not have: it would be ignored without a word."""
    for name in intent.options:
        if name not in known:
            raise Refused(
                f"{intent.verb} has no option {name[:40]!r}.",
                remedy=f"Known: {', '.join(known)}." if known else "It has none.",
            )
