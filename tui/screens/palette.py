"""The palette of actions: Textual's, leaving as every other screen does."""

from __future__ import annotations

from contextlib import suppress

from textual.command import CommandPalette

from tui.screens.layer import Layer


class Palette(CommandPalette, Layer[None]):
    """Textual's palette, as a layer: enter that arrives twice takes away the palette alone."""

    def _action_command_list(self, action: str) -> None:
        """Pass an action to the list; Textual's list raises KeyError for a page key before it was laid out."""
        with suppress(KeyError):
            super()._action_command_list(action)
