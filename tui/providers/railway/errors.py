"""What Railway's GraphQL faults mean.

`extensions.code` is INTERNAL_SERVER_ERROR for nearly everything, so that the words decide, as in Railway's own CLI.
"Not Authorized" may be a bad token, a token of another kind, one without access, or something that does not exist.
"""

from __future__ import annotations

from collections.abc import Sequence
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
_INVALID = frozenset({"GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED", "BAD_USER_INPUT"})


def classifier(peer: Peer, clock: Clock) -> Classify:
    def classify(faults: Sequence[Fault], mutation: bool) -> ProviderError:
        fault = faults[0] if faults else Fault("an empty answer")
        return _error(peer, clock, fault, mutation)

    return classify


def _error(peer: Peer, clock: Clock, fault: Fault, mutation: bool) -> ProviderError:
    words = peer.quote(fault.message)
    lower = words.lower()
    said = f"“{words}”" + (f" at {peer.quote(fault.where)}" if fault.where else "")
    trace = peer.quote(fault.trace, 64)
    account = f"Account {peer.account}"
    if "project token not found" in lower:
        return Unauthorized(
            f"{account}: Railway does not know this project token ({said}).", remedy=CREDENTIAL, trace=trace
        )
    if "two factor authentication required" in lower:
        workspace = (fault.extensions or {}).get("workspaceName")
        whose = f"the workspace {peer.quote(str(workspace))}" if workspace else "the workspace"
        return Forbidden(
            f"{account}: {whose} asks for two-factor authentication, which the token's owner has not set up.",
            scope="two-factor authentication",
            remedy="Set it up at railway.com/account/security.",
            trace=trace,
        )
    if "not authorized" in lower or "unauthorized" in lower:
        return Forbidden(f"{account}: Railway does not allow it ({said}).", remedy=_NOT_ALLOWED, trace=trace)
    if "rate limit" in lower or "too many requests" in lower:
        return http.rate_limited(peer, clock.now() + timedelta(seconds=60))
    if "failed to retrieve build log" in lower:
        return Unreachable(
            f"{account}: Railway has no build log yet ({said}).",
            remedy="It comes when the build begins.",
            trace=trace,
        )
    if fault.code in _INVALID:
        kind = Refused if mutation else None
        message = f"{account}: Railway does not understand this request any more ({said})."
        remedy = "Its API has changed: look for a newer deckwatch."
        if kind is not None:
            return kind(message, remedy=remedy, trace=trace)
        return UnexpectedReply(message, where=fault.where, remedy=remedy, trace=trace)
    if "not found" in lower:
        if mutation and "commit" in lower:
            return Refused(
                f"{account}: Railway refused ({said}).",
                remedy="It wants all 40 characters of a commit that it can see.",
                trace=trace,
            )
        return NotFound(f"{account}: Railway does not know it, or does not any more ({said}).", trace=trace)
    if "problem processing request" in lower or "internal server error" in lower:
        if mutation:
            return OutcomeUnknown(
                f"{account}: Railway had a problem with the request ({said}); whether it was done is not known.",
                remedy="It is not sent again: look at what the deployments do.",
                trace=trace,
            )
        return Unreachable(f"{account}: Railway could not answer ({said}).", remedy="It is tried again.", trace=trace)
    return Refused(f"{account}: Railway refused ({said}).", trace=trace)
