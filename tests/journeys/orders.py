"""Each verb of each platform, given by key: what opens its sheet, what the sheet asks, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pytest
from textual import events
from textual.widgets import Input

from tests.conformance.profiles import PROFILES, Order, Profile, older
from tests.journeys.sailing import Voyage
from tui.demo.entities import Deployment
from tui.demo.faults import Fault
from tui.demo.world import World
from tui.engine.actions import Action, ActionPhase
from tui.keys import ACTIONS, MENU_KEYS
from tui.model.action import Danger, Verb
from tui.model.entities import Deployment as ShownDeployment
from tui.model.entities import Kind, Ref
from tui.model.target import acted_upon
from tui.screens.confirm import ConfirmScreen
from tui.screens.options import OptionsSheet

GIVEN = [(profile, order) for profile in PROFILES for order in profile.orders]
each_order = pytest.mark.parametrize(
    ("profile", "order"), GIVEN, ids=[f"{profile.name}-{order.verb}" for profile, order in GIVEN]
)
ACCELERATORS: dict[Verb, str] = {action.verb: action.keys[0] for action in ACTIONS if action.verb is not None}

WARNED = {
    ("railway", Verb.REMOVE): "this takes the service down",
    ("gitlab", Verb.ROLLBACK): "job",
    ("cloud66", Verb.RESTART): "database",
    ("dokploy", Verb.CANCEL): "host",
}
"""What the contracts warn of: words that the sheet must say."""


def done_line(verb: Verb, name: str) -> str:
    """What the line at the bottom says of one that went well; below, of the others."""
    return f"✓ {verb} {name}"


def refused_line(verb: Verb, name: str) -> str:
    return f"✗ {verb} {name}"


class Requests:
    """Counts the requests that would change something, from the moment it is made: what reached the server."""

    def __init__(self, world: World, profile: Profile) -> None:
        self._faults: list[Fault] = [
            world.faults.add("slow", each, channel="http", count=None, seconds=0) for each in profile.mutations
        ]

    @property
    def seen(self) -> int:
        return sum(fault.taken for fault in self._faults)


def name_of(order: Order) -> str:
    return order.service.rpartition("/")[2]


async def goes_to_its_place(voyage: Voyage, profile: Profile, order: Order, target: Deployment | None) -> None:
    """The cursor on the service, and in the timeline on the deployment that is not the service's usual one."""
    await voyage.goes_to(order.service)
    chosen = None
    if order.target is older and order.verb is not Verb.ROLLBACK and target is not None:
        chosen = Ref("demo", Kind.DEPLOYMENT, profile.id(target))
        await voyage.until(lambda: chosen in [each.ref for each in _timeline(voyage)], "the deployment")
        await voyage.pilot.press("2", "g")
        for _ in range(60):
            if voyage.app.board.timeline.selected == chosen:
                break
            await voyage.pilot.press("j")
    await voyage.until(lambda: _can(voyage, order.verb, chosen), f"{order.verb} being possible")


def _timeline(voyage: Voyage) -> Sequence[ShownDeployment]:
    timeline = voyage.app.engine.store.timeline(voyage.selected.ref)
    return timeline.deployments if timeline else ()


def _can(voyage: Voyage, verb: Verb, chosen: Ref | None) -> bool:
    engine, service = voyage.app.engine, voyage.selected
    timeline = engine.store.timeline(service.ref)
    if verb is Verb.ROLLBACK:
        return voyage.app.board._no_rollback(service) is None
    if timeline is None or timeline.observed_at is None:
        return False
    deployment = engine.store.deployment(chosen) if chosen is not None else None
    return engine.actions.blocked(verb, service, acted_upon(verb, service, deployment)) is None


async def opens_the_sheet(voyage: Voyage, order: Order, *, menu: bool = False) -> ConfirmScreen:
    """By its own key where it has one and `menu` is not wanted. Fills in the options."""
    verb = order.verb
    keys = [ACCELERATORS[verb]] if verb in ACCELERATORS and not menu else ["a", MENU_KEYS[verb]]
    await voyage.pilot.press(*keys)
    if verb is Verb.ROLLBACK:
        await voyage.sees("to which deployment?")
        await voyage.pilot.press("enter")
    sheet = await the_sheet(voyage)
    if order.options:
        await voyage.pilot.press("ctrl+o")
        await voyage.armed(OptionsSheet)
        for option, value in order.options.items():
            await _turns_to(voyage, option)
            voyage.app.post_message(events.Paste(value))
            await voyage.until(partial(_stands, voyage, value), value)
        await voyage.pilot.press("enter")
        await voyage.until(lambda: voyage.app.screen is sheet and sheet.armed, "the sheet again")
        assert sheet.intent.options == order.options
    return sheet


def _stands(voyage: Voyage, value: str) -> bool:
    focused = voyage.app.screen.focused
    return isinstance(focused, Input) and focused.value == value


async def _turns_to(voyage: Voyage, option: str) -> None:
    def there() -> bool:
        focused = voyage.app.screen.focused
        return isinstance(focused, Input) and focused.name == option

    for _ in range(20):
        if there():
            return
        await voyage.pilot.press("tab")
    raise AssertionError(f"no field {option}")


async def the_sheet(voyage: Voyage) -> ConfirmScreen:
    """The confirmation that is open, when it takes keys."""
    await voyage.armed(ConfirmScreen)
    sheet = voyage.app.screen
    assert isinstance(sheet, ConfirmScreen)
    return sheet


def sheet_words(voyage: Voyage) -> str:
    """What the sheet says, without spaces: wrapping puts the line ends anywhere."""
    region = voyage.app.screen.query_one("#text").content_region
    lines = []
    for y, strip in enumerate(voyage.app.screen._compositor.render_strips()):
        if region.y <= y < region.bottom:
            lines.append("".join(segment.text for segment in strip)[region.x : region.right].strip())
    return unspaced(" ".join(lines))


def unspaced(text: str) -> str:
    return "".join(text.split())


async def confirms(voyage: Voyage, sheet: ConfirmScreen) -> None:
    await voyage.confirms(sheet.intent.service.name, typed=sheet.danger is Danger.TYPE)


async def ended(voyage: Voyage, *, step_s: float = 2.0) -> Action:
    """The action that was begun last, when it is over."""
    await voyage.until(lambda: voyage.app.engine.actions.recent, "an action")
    action = voyage.app.engine.actions.recent[0]
    await voyage.until(lambda: action.ended_at is not None, "its end", step_s=step_s)
    return action


def audited(voyage: Voyage, action: Action) -> list[ActionPhase]:
    """The phases of one action, as they were written."""
    return [entry.phase for entry in voyage.app.engine.audit.read() if entry.id == action.intent.id]
