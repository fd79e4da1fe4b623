"""The screens: the board, and what opens over it. They join widgets with the engine."""
