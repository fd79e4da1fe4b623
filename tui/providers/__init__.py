"""Which platforms there are, by name; each is imported only when an account uses it."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from tui.model.provider import Provider

if TYPE_CHECKING:  # 6 ms that the first paint need not wait for
    from importlib.metadata import EntryPoint

PROVIDERS: dict[str, str] = {
    "railway": "tui.providers.railway:RailwayProvider",
    "gitlab": "tui.providers.gitlab:GitLabProvider",
    "cloud66": "tui.providers.cloud66:Cloud66Provider",
    "dokploy": "tui.providers.dokploy:DokployProvider",
}
"""Name -> "module:Class". Other packages add theirs as entry points of the group `deckwatch.providers`."""

GROUP = "deckwatch.providers"


def names() -> tuple[str, ...]:
    """Every name that `load` knows, ours first."""
    from importlib.metadata import entry_points

    others = {point.name for point in entry_points(group=GROUP)} - PROVIDERS.keys()
    return (*PROVIDERS, *sorted(others))


def load(name: str) -> type[Provider]:
    """The class of one platform. Importing it loads network libraries: call it in a thread, after the first paint.

    Raises: ValueError: there is no such platform, or what is there is no provider; the message says what is near.
    """
    if name in PROVIDERS:
        target = PROVIDERS[name]
    else:
        plugin = _plugin(name)
        if plugin is None:
            raise ValueError(_unknown(name))
        target = plugin.value
    module, _, attribute = target.partition(":")
    found = getattr(importlib.import_module(module.strip()), attribute.strip(), None)
    if isinstance(found, type) and issubclass(found, Provider):
        return found
    raise ValueError(f"The provider {name!r} ({target}) is not a subclass of tui.model.provider.Provider.")


def _plugin(name: str) -> EntryPoint | None:
    from importlib.metadata import entry_points

    return next(iter(entry_points(group=GROUP, name=name)), None)


def _unknown(name: str) -> str:
    import difflib

    known = names()
    near = difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"There is no provider {name!r}.{hint} Known: {', '.join(known)}."
