"""How long something has lasted, in the words of Docker's command line.

Source: github.com/docker/go-units, duration.go (HumanDuration)
"""

from __future__ import annotations

from tui.demo.clock import SECOND


def age(passed: int) -> str:
    """Return nanoseconds as `Less than a second`, `44 seconds`, `About a minute`, `7 minutes`, `3 days`."""
    seconds = max(0, passed) // SECOND
    minutes, hours = seconds // 60, round_half_up(seconds, 3600)
    if seconds < 60:
        return ("Less than a second", "1 second")[seconds] if seconds < 2 else f"{seconds} seconds"
    if minutes < 60:
        return "About a minute" if minutes == 1 else f"{minutes} minutes"
    if hours < 48:
        return "About an hour" if hours == 1 else f"{hours} hours"
    for size, most, unit in ((24, 24 * 14, "days"), (24 * 7, 24 * 60, "weeks"), (24 * 30, 24 * 730, "months")):
        if hours < most:
            return f"{hours // size} {unit}"
    return f"{seconds // 3600 // 24 // 365} years"


def round_half_up(number: int, size: int) -> int:
    return (number + size // 2) // size
