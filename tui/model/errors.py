"""What can go wrong between us and a platform, sorted by what to do about it.

    ProviderError                the account's picture stays, with its age
    |- Unreachable               no answer, or the platform's own fault (5xx): back off and try again
    |  `- OutcomeUnknown         a mutation's answer was lost: never repeat it, look what became of it
    |- RateLimited               wait until `retry_at`
    |- Unauthorized              the credential is bad: stop until it changes
    |- Forbidden                 the credential may not do this: this verb only, the rest goes on
    |- Refused                   the platform said no, in its words
    |- NotFound                  it is gone, or was never there
    `- UnexpectedReply           an answer we cannot read (HTML, a changed format): keep the picture, say so

Messages are for a person at 3 a.m.: what happened, to what, what now. Providers raise only these; nobody above
them looks at status codes or texts.
"""

from __future__ import annotations

from datetime import datetime


class ProviderError(Exception):
    """`message` says what happened to what; `remedy` what the user can do; `trace` the platform's id for support."""

    def __init__(self, message: str, *, remedy: str = "", trace: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.trace = trace

    def __str__(self) -> str:
        trace = f" (trace {self.trace})" if self.trace else ""
        return f"{self.message}{trace}" + (f" {self.remedy}" if self.remedy else "")


class Unreachable(ProviderError):
    pass


class OutcomeUnknown(Unreachable):
    pass


class RateLimited(ProviderError):
    def __init__(self, message: str, *, retry_at: datetime, remedy: str = "", trace: str = "") -> None:
        super().__init__(message, remedy=remedy, trace=trace)
        self.retry_at = retry_at


class Unauthorized(ProviderError):
    pass


class Forbidden(ProviderError):
    def __init__(self, message: str, *, scope: str = "", remedy: str = "", trace: str = "") -> None:
        super().__init__(message, remedy=remedy, trace=trace)
        self.scope = scope  # what the credential would need, in the platform's word


class Refused(ProviderError):
    pass


class NotFound(ProviderError):
    pass


class UnexpectedReply(ProviderError):
    def __init__(self, message: str, *, where: str = "", remedy: str = "", trace: str = "") -> None:
        super().__init__(message, remedy=remedy, trace=trace)
        self.where = where  # the request, and the path in the answer
