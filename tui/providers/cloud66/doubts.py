"""What of a stack could not be read, and what is therefore not known: sentences for the account and for the service."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tui.providers.cloud66 import decode
from tui.providers.cloud66.stacks import Stack, mark

_SENTENCES = 10  # of one picture; the others are counted


def doubt(stack: Stack) -> str:
    """Say why its newest or its live deployment may not be what is shown; "" where there is no reason."""
    if not stack.is_listed:
        return "It is not among the stacks that could be read."
    if stack.read_at is None:
        return "Its deployments could not be read."
    if stack.error is not None and stack.mark != mark(stack.row):
        return "Something changed, and its deployments could not be read again."
    if stack.may_lack_newest:
        return "Its newest deployment may be one that could not be read."
    for row in stack.deployments[:1] + [each for each in stack.deployments[1:] if each.id == stack.live]:
        if odd := decode.unclear(row):
            return f"Deployment {row.id} has no readable {' and '.join(odd)}."
    if any("is_live" in decode.unclear(row) for row in stack.deployments):
        return "Which deployment is live could not be read."
    if odd := decode.unclear_of_stack(stack.row):
        return f"Its {' and '.join(odd)} could not be read."
    return ""


def problems(stacks: Sequence[Stack], *, focused: str) -> list[str]:
    """Say of each stack what could not be read; of what runs inside only where it is shown."""
    said = [sentence for stack in stacks for sentence in _of_stack(stack, is_focused=stack.row.uid == focused)]
    rest = len(said) - _SENTENCES
    return said if rest <= 1 else [*said[:_SENTENCES], f"{rest} more problems of this kind are not listed."]


def _of_stack(stack: Stack, *, is_focused: bool) -> Iterable[str]:
    name = decode.stack_name(stack.row)
    if stack.error is not None:
        yield f"The deployments of {name} could not be read. {stack.error}"
    yield from stack.odd
    yield from stack.actions_odd
    if stack.error is None and not stack.odd and (why := doubt(stack)):
        yield f"{name}: {why}"
    if is_focused:
        if stack.children_error is not None:
            yield f"What runs inside {name} could not be read. {stack.children_error}"
        yield from stack.children_odd
