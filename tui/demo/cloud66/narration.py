"""What is told of a deployment or an action while it runs. The operation log and the push channel say the same, on
two scales that differ from 3 up.
"""

from __future__ import annotations

from dataclasses import dataclass

from tui.demo.cloud66 import states, words
from tui.demo.cloud66.side import Action
from tui.demo.entities import Deployment

IN_OPERATION_LOGS = {"debug": 1, "info": 2, "important": 3, "warn": 4, "error": 5, "fatal": 5}
ON_THE_PUSH_CHANNEL = {"debug": 1, "info": 2, "warn": 3, "error": 4, "important": 5, "fatal": 6}


@dataclass(frozen=True, slots=True)
class Told:
    """`raw`: what a build printed, against what Cloud 66 says itself. `source`: whose child operation said it."""

    at: int
    level: str
    text: str
    raw: bool = False
    source: str = ""


def of_deployment(one: Deployment, now: int) -> list[Told]:
    """As far as it has come, in the order of time: the world's build lines between Cloud 66's own first and last."""
    told = [Told(one.created_at, "important", "Starting deployment")]
    told += [Told(line.at, line.level, line.text, raw=True) for line in one.build_lines(now)]
    finished = states.finished_at(one)
    if finished is None:
        return told
    error = next((step for step in one.steps if step.error), None)
    if error is not None:
        told.append(Told(finished, "error", error.error, source=error.name))
    if states.went_well(one):
        return [*told, Told(finished, "important", "Deployment finished")]
    return [*told, Told(finished, "fatal", words.failure(one))]


def of_action(one: Action, now: int) -> list[Told]:
    if one.deployment is not None:
        return of_deployment(one.deployment, now)
    told = [Told(one.started_at, "info", f"Starting {one.name}")]
    finished = one.finished_at(now)
    return told if finished is None else [*told, Told(finished, "important", "Completed successfully")]
