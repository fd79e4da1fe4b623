"""Who must agree to a deployment, and who has."""

from __future__ import annotations

from dataclasses import dataclass

from tui.demo.cast import Person
from tui.demo.gitlab.tokens import MAINTAINER, Token

APPROVED, REJECTED = "approved", "rejected"


@dataclass(slots=True, eq=False)
class Approval:
    person: Person
    status: str
    created_at: int
    comment: str | None
    rules: tuple[str, ...]  # names of those that it counts for


@dataclass(frozen=True, slots=True)
class Rule:
    name: str
    required: int
    access_level: int | None = None
    group_id: int | None = None

    def lets(self, token: Token) -> bool:
        if self.group_id is not None:
            return token.release_manager
        return token.access_level >= (self.access_level or 0)

    def given(self, approvals: list[Approval]) -> list[Approval]:
        return [one for one in approvals if self.name in one.rules]

    def missing(self, approvals: list[Approval]) -> int:
        return max(0, self.required - sum(one.status == APPROVED for one in self.given(approvals)))


RULES = (Rule("Maintainers", 1, access_level=MAINTAINER), Rule("release-managers", 2, group_id=9134))


def pending(approvals: list[Approval]) -> int:
    """How many are still to agree, over all rules."""
    return sum(rule.missing(approvals) for rule in RULES)
