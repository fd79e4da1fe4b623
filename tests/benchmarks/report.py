"""One measured row: what was measured, against what, and whether the goal is reached. Never a failure."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from statistics import median


@dataclass(frozen=True)
class Row:
    """`value` is compared with `goal`; `said` is how it is written; `runs` are all the single measurements."""

    name: str
    said: str
    beside: str
    value: float
    goal: float
    goal_said: str
    runs: dict[str, list[float]] = field(default_factory=dict)

    @property
    def reached(self) -> bool:
        return self.value <= self.goal


def percentile(values: Sequence[float], share: float) -> float:
    """Linear between the two nearest."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * share / 100
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def spread(values: Sequence[float]) -> str:
    """Median with its range: "142 (138–155)"."""
    return f"{median(values):.0f} ({min(values):.0f}–{max(values):.0f})"


def machine() -> str:
    names = ("textual", "gql", "httpx", "websockets")
    packages = ", ".join(f"{name} {version(name)}" for name in names)
    load = os.getloadavg()[0]
    return (
        f"{platform.system()} {platform.release()} {platform.machine()}, {os.cpu_count()} CPUs, load {load:.1f}; "
        f"Python {platform.python_version()}, {packages}."
    )


def markdown(rows: Sequence[Row]) -> str:
    lines = ["| row | measured | beside it | goal | |", "|---|---|---|---|---|"]
    for row in rows:
        verdict = "reached" if row.reached else "**missed**"
        lines.append(f"| {row.name} | {row.said} | {row.beside} | {row.goal_said} | {verdict} |")
    return "\n".join(lines)


def as_json(rows: Sequence[Row]) -> dict[str, object]:
    return {
        "machine": machine(),
        "rows": [
            {"name": row.name, "value": row.value, "goal": row.goal, "reached": row.reached, "runs": row.runs}
            for row in rows
        ],
    }
