"""What Railway's GraphQL faults mean.

`extensions.code` is INTERNAL_SERVER_ERROR for nearly everything, so that the words decide, as in Railway's own CLI.
"Not Authorized" may be a bad token, a token of another kind, one without access, or something that does not exist.

After a mutation only words that clearly refuse it are a refusal: a fault of Railway's own may come when it is done.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from tui.model.clock import Clock
from tui.model.errors import (
    Forbidden,
    NotFound,
    OutcomeUnknown,
    ProviderError,
    Refused,
    Unauthorized,
    UnexpectedReply,
    Unreachable,
)
from tui.providers import http
from tui.providers.graphql import Classify, Fault
from tui.providers.http import Peer

CREDENTIAL = (
    "Make a token at railway.com/account/tokens (for the account or one workspace) or in a project's settings (for "
    "one environment of it), and give it to this account in the configuration."
)
_NOT_ALLOWED = "The token may lack access, or it is gone; `deckwatch check` says what the token sees."
_CHANGED = "Its API has changed: look for a newer deckwatch."
_INVALID = frozenset({"GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED"})
_ITS_OWN_FAULT = re.compile(
    r"problem processing|internal|\berror\b|went wrong|try again|time[ds]?[ -]?out|deadline|unavailable|upstream"
    r"|gateway|econn|\bconnection\b|no response|failed|unable|could not|couldn't|aborted|reset by peer|overload"
)
_CLEAR_NO = re.compile(
    r"\b(not|cannot|can't|only|already|must|invalid|requires?|required|denied|disabled|exceeded|unsupported"
    r"|frozen|locked|paused|suspended|blocked|forbidden|prohibited|limit|quota|until)\b"
)


def classifier(peer: Peer, clock: Clock) -> Classify:
    def classify(faults: Sequence[Fault], mutation: bool) -> ProviderError:
        fault = faults[0] if faults else Fault("")
        return _Reading(peer, clock, fault, mutation).error()

    return classify


@dataclass(frozen=True, slots=True)
class _Reading:
    """One fault, and what is asked of its words."""

    peer: Peer
    clock: Clock
    fault: Fault
    mutation: bool

    def error(self) -> ProviderError:
        if self.mutation and "." in self.fault.where:  # below the mutation's own field: that was done
            return self._unknown("Railway could not say what became of it")
        return (
            self._of_the_credential() or self._of_the_request() or self._of_what_is_not_there() or self._of_the_rest()
        )

    @property
    def lower(self) -> str:
        return self.fault.message.lower()

    @property
    def said(self) -> str:
        words = f"“{self.peer.quote(self.fault.message)}”" if self.fault.message else "without a word"
        return words + (f" at {self.peer.quote(self.fault.where)}" if self.fault.where else "")

    @property
    def trace(self) -> str:
        return self.peer.quote(self.fault.trace, 64)

    @property
    def account(self) -> str:
        return f"Account {self.peer.account}"

    def _of_the_credential(self) -> ProviderError | None:
        if "project token not found" in self.lower:
            message = f"{self.account}: Railway does not know this project token ({self.said})."
            return Unauthorized(message, remedy=CREDENTIAL, trace=self.trace)
        if "two factor authentication required" in self.lower:
            workspace = (self.fault.extensions or {}).get("workspaceName")
            whose = f"the workspace {self.peer.quote(workspace)}" if isinstance(workspace, str) else "the workspace"
            return Forbidden(
                f"{self.account}: {whose} asks for two-factor authentication, which the token's owner has not set up.",
                scope="two-factor authentication",
                remedy="Set it up at railway.com/account/security.",
                trace=self.trace,
            )
        if "not authorized" in self.lower or "unauthorized" in self.lower:
            message = f"{self.account}: Railway does not allow it ({self.said})."
            return Forbidden(message, remedy=_NOT_ALLOWED, trace=self.trace)
        limited = ("rate limit", "ratelimit", "too many requests")
        if self.fault.code == "RATE_LIMITED" or any(words in self.lower for words in limited):
            return http.rate_limited(self.peer, self.clock.now() + timedelta(seconds=60))
        return None

    def _of_the_request(self) -> ProviderError | None:
        if self.fault.code == "BAD_USER_INPUT":
            return Refused(f"{self.account}: Railway refused ({self.said}).", trace=self.trace)
        if self.fault.code not in _INVALID:
            return None
        message = f"{self.account}: Railway does not understand this request any more ({self.said})."
        if self.mutation:
            return Refused(message, remedy=_CHANGED, trace=self.trace)
        return UnexpectedReply(message, where=self.fault.where, remedy=_CHANGED, trace=self.trace)

    def _of_what_is_not_there(self) -> ProviderError | None:
        if "failed to retrieve build log" in self.lower:
            message = f"{self.account}: Railway has no build log yet ({self.said})."
            return Unreachable(message, remedy="It comes when the build begins.", trace=self.trace)
        if "not found" not in self.lower:
            return None
        if self.mutation and "commit" in self.lower:
            remedy = "It wants all 40 characters of a commit that it can see."
            return Refused(f"{self.account}: Railway refused ({self.said}).", remedy=remedy, trace=self.trace)
        message = f"{self.account}: Railway does not know it, or does not any more ({self.said})."
        return NotFound(message, trace=self.trace)

    def _of_the_rest(self) -> ProviderError:
        is_fault = not self.lower or _ITS_OWN_FAULT.search(self.lower) is not None
        if self.mutation and (is_fault or not _CLEAR_NO.search(self.lower)):
            return self._unknown("Railway had a problem with the request")
        if is_fault:
            message = f"{self.account}: Railway could not answer ({self.said})."
            return Unreachable(message, remedy="It is tried again.", trace=self.trace)
        return Refused(f"{self.account}: Railway refused ({self.said}).", trace=self.trace)

    def _unknown(self, what: str) -> OutcomeUnknown:
        return OutcomeUnknown(
            f"{self.account}: {what} ({self.said}); whether it was done is not known.",
            remedy="It is not sent again: look at what the deployments do.",
            trace=self.trace,
        )
