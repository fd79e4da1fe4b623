"""What Dokploy's refusals mean.

A command line may hold a password: of one that failed only its beginning is shown.

401 has many meanings. Without a `code` the key itself is refused: it is bad, expired, or its rate limit is used up,
which the answer does not tell apart, or Dokploy's database is down and no key can be checked, which only its health
tells. With a code, only this operation is not allowed. There is never a 429.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import httpx
import msgspec

from tui.model.clock import Clock
from tui.model.errors import Forbidden, NotFound, ProviderError, RateLimited, Refused, Unauthorized, Unreachable
from tui.model.provider import Meter
from tui.providers import http, values
from tui.providers.http import Peer

CREDENTIAL = (
    "Make an API key in Dokploy under Settings > Profile > API/CLI Keys, without a rate limit, and give it to this "
    "account in the configuration."
)
_SILENCES_S = (60.0, 300.0)  # a rate limit ends only after a silence as long as its window, which nobody tells
_COMMAND = re.compile(r"(Command failed: \S+(?: [\w.-]+){0,2}).*")
_CLEAR = ("Command execution failed", "Error reloading", "SSH connection error", "No container or service found")
"""Dokploy's own words for what Docker or a server refused: nothing about them is unknown."""


class NoProcedure(NotFound):
    """This version of Dokploy has no such procedure."""


class KeyRefused(Unauthorized):
    """A refusal of the key itself, for whatever reason."""


def of_health(peer: Peer, response: httpx.Response) -> ProviderError | None:
    """What a bad answer to the question for Dokploy's health means, which needs no key. None: nothing."""
    if response.status_code < 500:
        return None
    body = _body(response)
    if body is None:
        return None
    said = peer.quote(_first_line(_words(body)))
    return Unreachable(
        f"Account {peer.account}: Dokploy's database does not answer, so that it can check no key ({said}).",
        remedy="The key may well be good. It is tried again.",
    )


class Judge:
    """Reads refusals. It remembers whether the key ever worked: one that did is more likely limited than bad."""

    def __init__(self, peer: Peer, meter: Meter, clock: Clock) -> None:
        self._peer = peer
        self._meter = meter
        self._clock = clock
        self._worked = False
        self._refused = 0
        self._silent_until: datetime | None = None

    def worked(self) -> None:
        self._worked = True
        self._refused = 0
        self._silent_until = None

    def classify(self, response: httpx.Response, mutation: bool) -> ProviderError | None:
        body = _body(response)
        peer, account = self._peer, f"Account {self._peer.account}"
        if body is None:
            return _of_the_gate(peer) if response.status_code == 401 else None
        said = peer.quote(_COMMAND.sub(r"\1 …", _first_line(_words(body))))
        match response.status_code:
            case 401 if _is_of_the_key(body):
                return KeyRefused(f"{account}: Dokploy does not accept the key ({said}).", remedy=CREDENTIAL)
            case 401 | 403:
                self.worked()
                return Forbidden(
                    f"{account}: Dokploy does not allow it ({said}).",
                    remedy="A key has the role of its owner: ask for access to this service, or use another key.",
                )
            case 404 if not _data(body).get("path") or said.startswith("No procedure found"):
                return NoProcedure(f"{account}: this version of Dokploy does not know that request ({said}).")
            case 404:
                return NotFound(f"{account}: Dokploy does not know it, or does not any more ({said}).")
            case 400 | 409 | 412 | 413 | 415 | 422:
                return Refused(f"{account}: Dokploy refused: {said.rstrip('.')}.")
            case status if status >= 500:
                if mutation and said.startswith(_CLEAR):
                    return Refused(f"{account}: Dokploy could not do it: {said.rstrip('.')}.")
                if mutation:
                    return http.outcome_unknown(peer, f"Dokploy answered {status}: {said}")
                message = f"{account}: Dokploy could not answer ({status}: {said})."
                return Unreachable(message, remedy="It is tried again.")
        return None

    def of_the_key(self, refusal: KeyRefused) -> ProviderError:
        """What it means that the key is refused while Dokploy is well."""
        account = f"Account {self._peer.account}"
        if not self._worked:
            return Unauthorized(refusal.message, remedy=refusal.remedy)
        now = self._clock.now()
        if self._silent_until is None or now >= self._silent_until:  # requests side by side are refused together
            silence_s = _SILENCES_S[min(self._refused, len(_SILENCES_S) - 1)]
            self._refused += 1
            self._silent_until = now + timedelta(seconds=silence_s)
        retry_at = self._silent_until
        self._meter.observe(retry_at=retry_at)
        return RateLimited(
            f"{account}: Dokploy refuses the key: it was revoked, has expired, or its rate limit is used up.",
            retry_at=retry_at,
            remedy="Nothing is asked until then, which ends a rate limit. Better make a key without one.",
        )


def _of_the_gate(peer: Peer) -> Unauthorized:
    """Dokploy itself answers in JSON."""
    return Unauthorized(
        f"Account {peer.account}: something in front of Dokploy at {peer.host} wants a sign-in of its own.",
        remedy="The key did not get as far as Dokploy: use an address that leads to it.",
    )


def _body(response: httpx.Response) -> dict[str, Any] | None:
    try:
        found = msgspec.json.decode(response.content)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    if not isinstance(found, dict):
        return None
    inner = found.get("error")
    inner = inner.get("json") if isinstance(inner, dict) else None
    return inner if isinstance(inner, dict) else found  # tRPC wraps it


def _is_of_the_key(body: dict[str, Any]) -> bool:
    """The very request that uses up a rate limit is refused with a code, and with the code for its words."""
    return "code" not in body or body.get("message") == "UNAUTHORIZED"


def _data(body: dict[str, Any]) -> dict[str, Any]:
    found = body.get("data")
    return found if isinstance(found, dict) else {}


def _words(body: dict[str, Any]) -> str:
    message, issues = str(body.get("message") or "it gave no reason"), body.get("issues")
    if message.lstrip()[:1] in ("[", "{"):  # what was found wrong with a request, as JSON inside JSON
        issues = values.convert(_json(message), list[Any]) or issues
        message = "the request was not valid"
    parts = [message]
    for each in issues[:3] if isinstance(issues, list) else ():
        if isinstance(each, dict):
            path = each.get("path")
            where = ".".join(map(str, path)) if isinstance(path, list) else str(path or "")
            parts.append(f"{where}: {each.get('message')}" if where else str(each.get("message")))
    return "; ".join(parts)


def _json(text: str) -> object:
    try:
        return values.decode_json(text)
    except (ValueError, RecursionError):
        return None


def _first_line(text: str) -> str:
    """What follows is what a command printed."""
    return text.strip().partition("\n")[0]
