"""Keeps the picture of every account fresh. Knows the port, no platform and no screen."""

from __future__ import annotations

import logging

# A library's log goes nowhere until somebody asks for it: on the board's terminal it would land between the rows.
logging.getLogger("tui").addHandler(logging.NullHandler())
