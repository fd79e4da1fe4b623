"""HTTP as every provider uses it: one pooled client an account, and answers sorted into what to do about them."""

from __future__ import annotations

import re
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

import httpx
import msgspec

from tui import __version__
from tui.credentials import Secret, masked
from tui.model.clock import Clock
from tui.model.errors import (
    Forbidden,
    NotFound,
    OutcomeUnknown,
    ProviderError,
    RateLimited,
    Refused,
    Unauthorized,
    UnexpectedReply,
    Unreachable,
)
from tui.model.provider import Meter
from tui.model.skew import Skew
from tui.model.text import plain
from tui.model.words import utc_time
from tui.providers import network
from tui.providers.body_words import body_words
from tui.providers.network import ssl_context as ssl_context
from tui.providers.network import tls as tls

USER_AGENT = f"deckwatch/{__version__}"
TIMEOUT = httpx.Timeout(connect=10, read=30, write=30, pool=30)

LARGEST = 64 << 20
"""Bytes of one answer, unpacked: what is larger would fill the memory before anybody could look at it."""

_MUTATION = re.compile(r"\bmutation\b", re.IGNORECASE)
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_READ_S = "read_s"  # how long it took, among an answer's extensions
_LOOKED_AT = 20_000  # characters of a body
_RETRY_S = 60.0  # after a 429 that does not say how long
_GAVE_UP = (408, 499)  # a proxy in front of it stopped waiting: what it waited for may have been done
_POLICY = re.compile(r"\bq=(\d{1,9})\s*;\s*w=3600\b")
_NUMBERED = re.compile(r"^\[[^\]]*\]\s*|\s*\(_ssl\.c:\d+\)")  # as Python begins and ends a fault of the system


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is talked to on whose behalf: the words that every message needs.

    `credential` is what to do about a token that is not accepted. With `read_only` nothing leaves that
    changes anything.
    """

    account: str
    title: str
    url: str
    credential: str
    token: Secret
    read_only: bool = False

    @property
    def host(self) -> str:
        parts = urlsplit(self.url)
        return parts.hostname or self.url

    def quote(self, text: str, limit: int = 200) -> str:
        """The other side's words for a message: harmless, short, and without our token should they hold it."""
        text = plain(masked(text, [self.token]))
        return text if len(text) <= limit else text[: limit - 1] + "…"


Hook = Callable[[httpx.Response], Awaitable[None]]
Sent = Callable[[httpx.Request], Awaitable[None]]


class Timekeeper:
    """Two hooks of a client: what its answers' `Date` says of the other side's clock."""

    def __init__(self, skew: Skew, clock: Clock) -> None:
        self._skew = skew
        self._clock = clock

    async def sent(self, request: httpx.Request) -> None:
        request.extensions["sent_at"] = self._clock.now()

    async def answered(self, response: httpx.Response) -> None:
        """A cache's answer tells when it was first given: it is not asked."""
        said, sent_at = response.headers.get("date"), response.request.extensions.get("sent_at")
        if said and sent_at is not None and "age" not in response.headers and (at := _date(said)) is not None:
            read = timedelta(seconds=round(response.extensions.get(_READ_S, 0.0), 1))  # long is not late
            self._skew.observe(at, sent_at, self._clock.now() - read)


async def open_client(
    peer: Peer,
    *,
    headers: Mapping[str, str],
    ca_file: Path | None = None,
    on_request: Sequence[Sent] = (),
    on_response: Sequence[Hook] = (),
    keepalive_s: float = 60.0,
) -> httpx.AsyncClient:
    """Return one account's client. Redirects are never followed: they could carry the token elsewhere.

    `on_response` gets answers that have been read. Raises Unreachable when the proxy or the certificates that the
    environment names cannot be used.
    """
    proxy = proxy_url(peer)
    secure = urlsplit(peer.url).scheme != "http"
    # A context without certificates costs nothing and would trust nobody: right for a peer that has no TLS.
    verify = await tls(peer, ca_file) if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx.AsyncClient(
        verify=verify,
        proxy=proxy,
        trust_env=False,  # `proxy_url` has read it
        headers={"User-Agent": USER_AGENT, "Accept": "application/json", **headers},
        timeout=TIMEOUT,
        limits=httpx.Limits(max_connections=10, max_keepalive_connections=5, keepalive_expiry=keepalive_s),
        follow_redirects=False,
        event_hooks={
            "request": [*on_request, _only_reads(peer)] if peer.read_only else list(on_request),
            "response": [_read_bounded, *on_response],
        },
    )


def proxy_url(peer: Peer) -> str | None:
    """Return the proxy for the account's requests and for its WebSockets. Raises Unreachable."""
    proxy = network.proxy_of(peer)
    return None if proxy is None else proxy.url


class TooLarge(httpx.HTTPError):
    """An answer of more than LARGEST bytes: it was not read to its end."""


async def _read_bounded(response: httpx.Response) -> None:
    """Read the whole answer, before anybody else does, as long as it stays small enough."""
    chunks, size, began = [], 0, monotonic()
    async for chunk in response.aiter_bytes():
        size += len(chunk)
        if size > LARGEST:
            raise TooLarge("too large")
        chunks.append(chunk)
    response._content = b"".join(chunks)  # where httpx keeps what it has read
    response.extensions[_READ_S] = monotonic() - began


def _only_reads(peer: Peer) -> Callable[[httpx.Request], Awaitable[None]]:
    """The last thing a request passes: whatever was forgotten above, a read-only account changes nothing."""

    async def look(request: httpx.Request) -> None:
        if request.method not in _READING and not _is_query(request):
            raise read_only(peer)

    return look


def _is_query(request: httpx.Request) -> bool:
    """A GraphQL request that only reads. The word alone makes it suspicious."""
    try:
        body = msgspec.json.decode(request.content)
    except msgspec.DecodeError:
        return False
    query = body.get("query") if isinstance(body, dict) else None
    return request.method == "POST" and isinstance(query, str) and not _MUTATION.search(query)


def read_only(peer: Peer) -> Refused:
    return Refused(f"Account {peer.account} is read-only here: nothing was sent to {peer.title}.")


# -- what the headers say ------------------------------------------------------------------------


def observe(meter: Meter, headers: Mapping[str, str], now: datetime, *, limited: bool = False) -> datetime | None:
    """Tell the meter what an answer's headers say of the budget; gives when to come back, if `limited`."""
    shift = meter.skew.shift
    resets_at = moment(_rate_limit(headers, "reset"), now, shift)
    retry_at: datetime | None = None
    if limited:
        retry_at = moment(headers.get("retry-after"), now, shift) or resets_at or now + timedelta(seconds=_RETRY_S)
    limit = _count(_rate_limit(headers, "limit")) or _hourly(headers.get("ratelimit-policy"))
    remaining = _count(_rate_limit(headers, "remaining"))
    if limit is not None or remaining is not None or resets_at is not None or retry_at is not None:
        meter.observe(limit=limit, remaining=remaining, resets_at=resets_at, retry_at=retry_at)
    return retry_at


def _rate_limit(headers: Mapping[str, str], name: str) -> str | None:
    """Some platforms write the header with an X, some without."""
    return headers.get(f"x-ratelimit-{name}") or headers.get(f"ratelimit-{name}")


def _hourly(policy: str | None) -> int | None:
    """Read `"default";q=1000;w=3600`, which some platforms send instead of what is left of it."""
    found = _POLICY.search(policy or "")
    return int(found[1]) if found else None


def moment(text: str | None, now: datetime, shift: timedelta = timedelta(0)) -> datetime | None:
    """A time as headers write it: seconds from now, an epoch in s or ms, an HTTP date or ISO 8601.

    `shift`: their clock is ahead of ours by so much; what comes back is by ours.
    """
    if not text:
        return None
    text = text.strip()
    try:
        number = float(text)
    except ValueError:
        at = _date(text)
        return None if at is None else at - shift
    try:
        if number >= 1e11:
            return datetime.fromtimestamp(number / 1000, UTC) - shift
        if number >= 1e9:
            return datetime.fromtimestamp(number, UTC) - shift
        return now + timedelta(seconds=number) if number >= 0 else None
    except (ValueError, OverflowError, OSError):
        return None


def _date(text: str) -> datetime | None:
    for parse in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            at = parse(text)
        except (ValueError, TypeError, IndexError):
            continue
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    return None


def _count(text: str | None) -> int | None:
    try:
        return int(float(text)) if text else None
    except (ValueError, OverflowError):
        return None


# -- what went wrong ------------------------------------------------------------------------------


def status_error(
    peer: Peer, status: int, response: httpx.Response | None, *, mutation: bool, now: datetime
) -> ProviderError:
    """What an answer that is neither a success nor data means. `response` has been read, or is None."""
    said_words = words(peer, response)
    said = f"{status}: {said_words}" if said_words else str(status)
    account, title, where = f"Account {peer.account}", peer.title, f"{peer.title} at {peer.host}"
    match status:
        case 429:
            headers = response.headers if response is not None else {}
            retry_at = moment(headers.get("retry-after"), now) or moment(_rate_limit(headers, "reset"), now)
            return rate_limited(peer, retry_at or now + timedelta(seconds=_RETRY_S), now)
        case 401:
            return Unauthorized(f"{account}: {title} does not accept the token ({said}).", remedy=peer.credential)
        case 403 if is_page(response):
            message = f"{account}: something in front of {where} turned the request away ({said})."
            remedy = "It blocks this address, or there were too many requests; wait, or try from another network."
            return Refused(message, remedy=remedy) if mutation else Unreachable(message, remedy=remedy)
        case 403:
            return Forbidden(f"{account}: {title} does not let this token do that ({said}).", remedy=peer.credential)
        case 404 | 410 if _is_json(response):
            return NotFound(f"{account}: {title} does not know it, or does not any more ({said}).")
        case _ if status in _GAVE_UP or status >= 500:
            if mutation:
                return outcome_unknown(peer, f"{where} answered {said}")
            return Unreachable(f"{account}: {where} has a fault of its own ({said}).", remedy="It is tried again.")
        case _ if 300 <= status < 400:
            target = peer.quote(response.headers.get("location", "")) if response is not None else ""
            message = f"{account}: {where} sends on to {target or 'another address'}, which is not followed ({said})."
            return UnexpectedReply(message, where=peer.url, remedy="Check the url of the account.")
        case 404 | 405 | 410:
            message = f"{account}: what is asked for is not at {where} ({said})."
            return UnexpectedReply(message, where=peer.url, remedy="Check the url of the account.")
        case _:
            return Refused(f"{account}: {title} refused the request ({said}).")


def rate_limited(peer: Peer, retry_at: datetime, now: datetime | None = None) -> RateLimited:
    """`now` None: it is so soon that nobody asks for the day."""
    return RateLimited(
        f"Account {peer.account}: {peer.title}'s rate limit is used up until {utc_time(retry_at, now or retry_at)}.",
        retry_at=retry_at,
        remedy="Other tools with the same token spend from it too.",
    )


_UNSENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.ProxyError,  # the proxy would not connect; what it answers to a request of ours is an answer
)


def outcome_unknown(peer: Peer, why: str) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"Account {peer.account}: {why}; whether {peer.title} did it is not known.",
        remedy="It is not sent again: look at what the deployments do.",
    )


def transport_error(error: BaseException, peer: Peer, *, mutation: bool) -> ProviderError:
    """What a request without an answer means. Only a connection that never came to be surely carried nothing."""
    where = f"{peer.title} at {peer.host}"
    if isinstance(error, TooLarge):
        return _too_large(peer, mutation=mutation)
    why = reason(peer, error)
    if mutation and not isinstance(error, _UNSENT):
        return outcome_unknown(peer, f"the connection to {where} broke ({why})")
    remedy = "Check the network, the proxy and the url of the account; it is tried again."
    if "certificate" in why.lower():
        remedy = "If a proxy or your own authority signs it, name its certificate as ca_file."
        if named := network.trusted_by():
            remedy = f"Only the authorities of {peer.quote(named)} are trusted. {remedy}"
    elif (proxy := _proxy_name(peer)) is not None:
        remedy = f"Check the network, the proxy in {proxy} and the url of the account; it is tried again."
    return Unreachable(f"Account {peer.account}: {where} cannot be reached ({why}).", remedy=remedy)


def _proxy_name(peer: Peer) -> str | None:
    try:
        proxy = network.proxy_of(peer)
    except Unreachable:
        return None
    return None if proxy is None else proxy.name


def _too_large(peer: Peer, *, mutation: bool) -> ProviderError:
    larger = f"an answer of more than {LARGEST >> 20} MB"
    if mutation:
        return outcome_unknown(peer, f"{peer.title} sent {larger}, which is not read")
    return UnexpectedReply(f"Account {peer.account}: {peer.title} sent {larger}, which is not read.", where=peer.url)


def closed(peer: Peer) -> Unreachable:
    return Unreachable(f"Account {peer.account}: the connection to {peer.title} was closed.")


def unreadable(peer: Peer, where: str, what: str, *, mutation: bool = False) -> ProviderError:
    """An answer that is none: HTML, a cut body, another format."""
    if mutation:
        return outcome_unknown(peer, f"{peer.title} answered what is not an answer ({what})")
    return UnexpectedReply(
        f"Account {peer.account}: {peer.title} answered what is not an answer ({what}).",
        where=where,
        remedy="Check the url of the account; something in between (a proxy, a login page) may have answered.",
    )


def reason(peer: Peer, error: BaseException) -> str:
    """Return the words there are, short and harmless, without the names that only programmers know."""
    match error:
        case httpx.ConnectTimeout() | httpx.PoolTimeout():
            return "no connection in time"
        case httpx.WriteTimeout():
            return "it did not take the request in time"
        case httpx.ReadTimeout() | TimeoutError():
            return "no answer in time"
    text = str(error) or (str(error.__cause__) if error.__cause__ else "")
    return peer.quote(_NUMBERED.sub("", text) or "it was cut off").rstrip(".")


def is_page(response: httpx.Response | None) -> bool:
    return response is not None and "html" in response.headers.get("content-type", "")


def _is_json(response: httpx.Response | None) -> bool:
    return response is not None and "json" in response.headers.get("content-type", "")


def words(peer: Peer, response: httpx.Response | None) -> str:
    """What the body says, in one short line."""
    if response is None:
        return ""
    said = body_words(response.text)
    return peer.quote("a web page" if is_page(response) and said == response.text else said[:_LOOKED_AT])
