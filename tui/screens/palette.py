"""The palette of actions: Textual's, leaving as every other screen does."""

from __future__ import annotations

from textual.command import CommandPalette

from tui.screens.layer import Layer


class Palette(CommandPalette, Layer[None]):
    """Enter that arrives twice takes away the palette alone."""
