"""Several questions of one kind in one request, each under an alias of its own.

Railway counts requests, not fields, so that sixty environments read one by one cost twenty times as much as in groups.
Its fields are not nullable: one environment that may not be read makes the whole answer null. The path of the fault
names it, and the others are asked again without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tui.model.errors import ProviderError, RateLimited, Unauthorized
from tui.providers.graphql import Answer, Endpoint, Fault

ALIAS = "a"


@dataclass(frozen=True, slots=True)
class Part:
    """The answer to one of the questions. `faults` are those within it, their `where` below its alias."""

    data: Any = None
    faults: tuple[Fault, ...] = ()
    error: ProviderError | None = None


async def ask_together(
    endpoint: Endpoint,
    document: Callable[[int], str],
    questions: Sequence[Mapping[str, Any]],
    shared: Mapping[str, Any],
) -> list[Part]:
    """Ask all questions, in order. `document` makes the request for so many of them, its variables numbered.

    Raises ProviderError when Railway refuses the request as a whole, and RateLimited or Unauthorized in any case.
    """
    parts: dict[int, Part] = {}
    waiting = list(range(len(questions)))
    while waiting:
        variables = {f"{name}{n}": value for n, at in enumerate(waiting) for name, value in questions[at].items()}
        answer = await endpoint.ask(document(len(waiting)), {**shared, **variables})
        if answer.data is not None:
            parts |= {at: _part(answer, n) for n, at in enumerate(waiting)}
            break
        blamed = {n: fault for n in range(len(waiting)) for fault in answer.faults if _is_of(fault, n)}
        if not blamed:
            raise endpoint.classify(answer.faults, False)
        for n, fault in blamed.items():
            error = endpoint.classify([_below_alias(fault)], False)
            if isinstance(error, RateLimited | Unauthorized):
                raise error
            parts[waiting[n]] = Part(error=error)
        waiting = [at for n, at in enumerate(waiting) if n not in blamed]
    return [parts[at] for at in range(len(questions))]


def _part(answer: Answer, n: int) -> Part:
    """A fault without a path may be anywhere: every part has it."""
    assert answer.data is not None
    within = [fault for fault in answer.faults if not fault.where or _is_of(fault, n)]
    return Part(answer.data.get(f"{ALIAS}{n}"), tuple(map(_below_alias, within)))


def _below_alias(fault: Fault) -> Fault:
    """An alias is nothing that a person could know."""
    return replace(fault, where=fault.where.partition(".")[2])


def _is_of(fault: Fault, n: int) -> bool:
    return fault.where.partition(".")[0] == f"{ALIAS}{n}"
