"""The names under which a configuration speaks of the board's actions."""

from __future__ import annotations

from collections.abc import Mapping

from tui.keys import ACTIONS, Action


def name(action: Action) -> str:
    """Its label with dashes: `page-down`, `redeploy`. A TOML key needs no quotes then."""
    return action.label.replace(" ", "-")


def names() -> tuple[str, ...]:
    return tuple(name(action) for action in ACTIONS)


def by_id(keys: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """A configuration's keys under the actions' ids, as the app wants them."""
    return {action.id: keys[name(action)] for action in ACTIONS if name(action) in keys}
