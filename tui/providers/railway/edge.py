"""What stands in front of Railway's API and answers in its name: Cloudflare, and Railway's own router.

Cloudflare holds requests without a query string to some ten a second and then blocks the address, as users report for
up to a day (terraform-provider-railway PR 55, CopilotKit PR 4309): ours have one. Its pages, and the router's "not
found", say nothing of the token.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import httpx

from tui.model.errors import ProviderError, RateLimited, Refused, UnexpectedReply, Unreachable
from tui.model.words import utc_time
from tui.providers import http
from tui.providers.http import Peer

URL = "https://backboard.railway.com/graphql/v2"
SOURCE = "deckwatch"

_NOT_TOLD = timedelta(minutes=10)  # between tries while it is not known how long a block lasts
_NOT_THERE = frozenset({404, 405, 410})


def address(url: str) -> str:
    """Return the account's url, with GraphQL's path where it names only a host, and with a query string."""
    parts = urlsplit(url)
    path = urlsplit(URL).path if parts.path in ("", "/") else parts.path
    query = parts.query
    if all(name != "source" for name, _ in parse_qsl(query, keep_blank_values=True)):
        query = "&".join(filter(None, (query, urlencode({"source": SOURCE}))))
    return urlunsplit((parts.scheme, parts.netloc, path, query, ""))


def edge_error(peer: Peer, response: httpx.Response, *, mutation: bool, now: datetime) -> ProviderError | None:
    """Return what an answer means that did not come from the API; None for one that may have."""
    status, is_page = response.status_code, http.is_page(response)
    words = http.words(peer, response)
    said = f" (“{words}”)" if words else ""
    account = f"Account {peer.account}"
    if status == 429 and is_page and not any("ratelimit-" in name for name in response.headers):
        until = http.moment(response.headers.get("retry-after"), now)
        end = f"until {utc_time(until, now)}" if until else "it does not say until when (a day was seen)"
        return RateLimited(
            f"{account}: Railway's edge (Cloudflare) blocks this address, not your token: too many requests; {end}.",
            retry_at=until or now + _NOT_TOLD,
            remedy="Another network is not blocked.",
        )
    if status == 403 and is_page:
        message = f"{account}: Railway's edge (Cloudflare) blocks this address, not your token{said}."
        remedy = "Wait, or try from another network."
        return Refused(message, remedy=remedy) if mutation else Unreachable(message, remedy=remedy)
    if status in _NOT_THERE:
        message = f"{account}: there is no Railway API at this url of {peer.host}{said}; the token was not looked at."
        remedy = "Check the url of the account."
        return Refused(message, remedy=remedy) if mutation else UnexpectedReply(message, where=peer.url, remedy=remedy)
    return None
