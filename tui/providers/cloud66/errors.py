"""What Cloud 66's refusals mean. A 503 is a used-up rate limit, a missing feature or a fault: the body tells which."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
from msgspec import Struct

from tui.model.clock import Clock
from tui.model.errors import Forbidden, NotFound, ProviderError, RateLimited, Refused, Unauthorized, Unreachable
from tui.model.provider import Meter
from tui.model.words import utc_time
from tui.providers import http
from tui.providers.cloud66.words import text
from tui.providers.http import Peer
from tui.providers.rest import Classify
from tui.providers.values import convert, decode_json

CREDENTIAL = (
    "Make a personal access token with the scopes public and redeploy (admin to stop services) in the dashboard under "
    "Account > Authorized Applications, and give it to this account in the configuration."
)
_WAITS_MIN = (5, 10, 20, 40, 60)


_CLEAR = frozenset({401, 403, 429})  # whoever says so, it did not let the request through


class ErrorRow(Struct):
    error: Any = None
    error_description: Any = None
    details: Any = None

    @property
    def words(self) -> str:
        return text(self.details) or text(self.error_description) or text(self.error)


class Throttle:
    """When to ask again after `throttled`, which names no time: after 5 minutes, then 10, 20 and so on to an hour."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._times = 0
        self._until_s = 0.0

    def next_s(self) -> float:
        """Seconds from now. Several requests that were under way together count as one."""
        now = self._clock.monotonic()
        if self._times and now < self._until_s:
            return self._until_s - now
        wait_s = _WAITS_MIN[min(self._times, len(_WAITS_MIN) - 1)] * 60.0
        self._times += 1
        self._until_s = now + wait_s
        return wait_s

    def reset(self) -> bool:
        """Begin anew, because a request was answered. Return whether that ends a pause."""
        had_paused, self._times = self._times > 0, 0
        return had_paused


def classifier(peer: Peer, meter: Meter, throttle: Throttle, clock: Clock) -> Classify:
    def classify(response: httpx.Response, mutation: bool) -> ProviderError | None:
        row = _row(response)
        if response.status_code == 503 and _is(row, "throttl", "hourly interval"):
            return _throttled(peer, response, meter, throttle, clock)
        if row is not None and response.status_code >= 400:
            return _error(peer, response, row, mutation=mutation)
        return _of_another(peer, response) if mutation and response.status_code not in _CLEAR else None

    return classify


def needed_scope(method: str, path: str) -> str:
    """What a token must be allowed for a request; "" where Cloud 66 does not say. `path` is below the API's root."""
    parts = path.strip("/").removesuffix(".json").split("/")
    if parts[0] == "accounts":
        return "users"
    if parts[0] == "operations":
        return ""
    if method == "GET":
        return "public"
    return "redeploy" if len(parts) > 2 and parts[2] in ("deployments", "actions") else "admin"


def _throttled(peer: Peer, response: httpx.Response, meter: Meter, throttle: Throttle, clock: Clock) -> RateLimited:
    now = clock.now()
    headers = response.headers
    named = http.moment(headers.get("retry-after") or headers.get("x-ratelimit-reset"), now)
    if named is not None and named > now:
        retry_at = named
        meter.observe(retry_at=retry_at)
    else:
        retry_at = now + timedelta(seconds=throttle.next_s())
        meter.observe(retry_at=retry_at, guessed=True)
    return RateLimited(
        f"Account {peer.account}: Cloud 66's requests of this hour are used up; it is tried again at "
        f"{utc_time(retry_at, now)}.",
        retry_at=retry_at,
        remedy="The limit is per user: cx and CI spend from it too.",
    )


def _row(response: httpx.Response) -> ErrorRow | None:
    """What a JSON body says, which may be nothing; None where the body is not JSON."""
    try:
        found = decode_json(response.content)
    except (ValueError, RecursionError):
        return None
    return convert(found, ErrorRow) or ErrorRow()


def _is(row: ErrorRow | None, *words: str) -> bool:
    if row is None:
        return False
    said = " ".join(text(each) for each in (row.error, row.error_description, row.details)).lower().replace("_", " ")
    return any(each in said for each in words)


def _error(peer: Peer, response: httpx.Response, row: ErrorRow, *, mutation: bool) -> ProviderError | None:
    status = response.status_code
    said = peer.quote(row.words).rstrip(".") or f"{status} {response.reason_phrase}".strip()
    account = f"Account {peer.account}"
    match status:
        case 401:
            return Unauthorized(f"{account}: Cloud 66 does not accept the token ({said}).", remedy=CREDENTIAL)
        case 402:
            return Refused(
                f"{account}: Cloud 66's trial has expired ({said}).", remedy="Choose a plan in the dashboard."
            )
        case 403:
            return _forbidden(peer, response, said)
        case 404 | 410:
            return NotFound(f"{account}: Cloud 66 does not know it, or does not any more ({said}).")
        case 409:
            return Refused(f"{account}: Cloud 66 refused, something else is under way ({said}).")
        case 501 | 503 if _is(row, "not implemented"):
            return Refused(f"{account}: Cloud 66 does not offer this here ({said}).")
        case _ if status in (408, 499) or status >= 500:
            return _fault(peer, f"{status}: {said}" if row.words else said, mutation=mutation)
        case 429:
            return None
    return Refused(f"{account}: Cloud 66 refused: {said}.")


def _fault(peer: Peer, said: str, *, mutation: bool) -> ProviderError:
    where = f"Cloud 66 at {peer.host}"
    if mutation:
        return http.outcome_unknown(peer, f"{where} answered {said}")
    return Unreachable(f"Account {peer.account}: {where} has a fault of its own ({said}).", remedy="It is tried again.")


def _of_another(peer: Peer, response: httpx.Response) -> ProviderError:
    """An answer to a mutation that is not Cloud 66's: something in between may have passed the request on before."""
    said = f"{response.status_code} {response.reason_phrase}".strip()
    return http.outcome_unknown(peer, f"{peer.host} answered {said}, and not as Cloud 66 does")


def _forbidden(peer: Peer, response: httpx.Response, said: str) -> Forbidden:
    request = response.request
    path = request.url.path.removeprefix(httpx.URL(peer.url).path)
    scope = needed_scope(request.method, path)
    wants = f"the scope {scope}" if scope else "a scope that Cloud 66 does not document"
    return Forbidden(
        f"Account {peer.account}: Cloud 66 does not let this token do that ({said}); it wants {wants}.",
        scope=scope,
        remedy="Give the token that scope under Account > Authorized Applications, or its owner the role for it.",
    )
