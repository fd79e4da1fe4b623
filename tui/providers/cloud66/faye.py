"""A Bayeux client over long-polling, as far as Cloud 66's push server wants it.

One JSON object a request; an answer is a list of replies and messages. The server queues messages for a client that
has subscribed and does not poll just now, and forgets the client after a while: then it wants another handshake.
Source: docs.cometd.org (Bayeux 1.0) and cloud66/wray, the client of Cloud 66's own command line.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
from msgspec import Struct, field

from tui.model.clock import Clock
from tui.model.errors import ProviderError, Refused, UnexpectedReply, Unreachable
from tui.model.provider import Meter
from tui.model.skew import Skew
from tui.providers.http import Peer
from tui.providers.rest import Rest
from tui.providers.values import convert, decode_json

_REMEDY = "No token is sent there: check live_logs in the configuration, or leave it out."
_LONG_POLL = "long-polling"
_MARGIN_S = 15.0
_TIMEOUT_S = 60.0  # how long a poll may take where the server does not say how long it holds one


class Advice(Struct):
    reconnect: str | None = None
    interval: float | None = None  # ms
    timeout: float | None = None  # ms


class Frame(Struct):
    """A reply (`channel` begins with /meta/) or a message, whose `data` is left as it is."""

    channel: str = ""
    successful: bool | None = None
    client_id: str | None = field(default=None, name="clientId")
    error: str | None = None
    advice: Advice | None = None
    data: Any = None


class ClientForgotten(Exception):
    """The server wants another handshake; what it had queued is gone."""


class _Free:
    """The push server is not the API: its polls are not in the API's limit."""

    def __init__(self) -> None:
        self.skew = Skew()  # of another server

    async def spend(self) -> None:
        return

    def observe(
        self,
        *,
        limit: int | None = None,
        remaining: int | None = None,
        resets_at: datetime | None = None,
        retry_at: datetime | None = None,
        guessed: bool = False,
    ) -> None:
        return


class PushServer:
    """Where deploy logs are pushed from. The token is never sent there."""

    def __init__(self, peer: Peer, url: str, *, meter: Meter, clock: Clock, ca_file: Path | None) -> None:
        parts = urlsplit(url)
        root = urlunsplit((parts.scheme, parts.netloc, "", "", ""))
        self.peer = Peer(peer.account, f"{peer.title}'s push server", root, _REMEDY, peer.token)
        self._path = parts.path + (f"?{parts.query}" if parts.query else "")
        self._meter = meter
        self._rest = Rest(
            self.peer, meter=_Free(), clock=clock, classify=self._turned_away, headers={}, ca_file=ca_file
        )

    async def opening(self) -> None:
        """Each new subscription is spent from the account's budget, its polls are not."""
        await self._meter.spend()

    async def post(self, message: dict[str, Any], timeout_s: float | None = None) -> list[Frame]:
        """Send one message; return all that is answered. A frame that cannot be read is one of an unknown channel.

        Raises ProviderError.
        """
        answer = await self._rest.ask("POST", self._path, json=message, timeout_s=timeout_s)
        try:
            sent = decode_json(answer.content)
        except (ValueError, RecursionError) as error:
            raise answer.unreadable(str(error)) from None
        return [convert(each, Frame) or Frame(data=each) for each in (sent if isinstance(sent, list) else [sent])]

    async def aclose(self) -> None:
        await self._rest.aclose()

    def broke_off(self) -> Unreachable:
        return Unreachable(f"Account {self.peer.account}: {self.peer.title} broke off.")

    def _turned_away(self, response: httpx.Response, _mutation: bool) -> ProviderError | None:
        if response.status_code not in (401, 403):
            return None
        message = f"Account {self.peer.account}: {self.peer.title} turns us away ({response.status_code})."
        return Refused(message, remedy=_REMEDY)


class Subscription:
    """One channel's messages. `client_id` is what the server knows us by."""

    def __init__(self, server: PushServer, channel: str, client_id: str = "") -> None:
        self.client_id = client_id
        self.interval_s = 0.0  # what the server wants between two polls
        self._server = server
        self._channel = channel
        self._prefix = channel.rstrip("*")
        self._timeout_s = _TIMEOUT_S

    async def open(self) -> list[Any]:
        """Handshake and subscription; messages that came with them. Raises ProviderError."""
        await self._server.opening()
        shake = {"channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": [_LONG_POLL]}
        reply = self._reply(await self._server.post(shake), "/meta/handshake")
        if not reply.successful or not reply.client_id:
            raise self._refused(reply, "the handshake")
        self.client_id = reply.client_id
        frames = await self._server.post(
            {"channel": "/meta/subscribe", "clientId": self.client_id, "subscription": self._channel, "id": "1"}
        )
        if not (reply := self._reply(frames, "/meta/subscribe")).successful:
            raise self._refused(reply, "the subscription")
        return self._messages(frames)

    async def poll(self) -> list[Any]:
        """The data of what came, in order; it may be nothing. Raises ProviderError, ClientForgotten."""
        frames = await self._server.post(
            {"channel": "/meta/connect", "clientId": self.client_id, "connectionType": _LONG_POLL}, self._timeout_s
        )
        messages = self._messages(frames)
        if messages:  # whatever the reply says beside them, the next poll hears again
            return messages
        reply = self._reply(frames, "/meta/connect")
        if reply.successful is False:
            wants = reply.advice.reconnect if reply.advice is not None else None
            if wants == "none":
                raise self._refused(reply, "the connection")
            if wants == "handshake" or (reply.error or "").startswith(("401", "402")):
                raise ClientForgotten
            raise self._server.broke_off()
        return messages

    def _messages(self, frames: Sequence[Frame]) -> list[Any]:
        for frame in frames:
            if frame.advice is not None:
                self._heed(frame.advice)
        return [frame.data for frame in frames if self._is_message(frame)]

    def _is_message(self, frame: Frame) -> bool:
        return frame.channel.startswith(self._prefix) or (not frame.channel and frame.data is not None)

    def _heed(self, advice: Advice) -> None:
        if advice.timeout is not None and advice.timeout > 0:
            self._timeout_s = min(advice.timeout / 1000, 600.0) + _MARGIN_S
        if advice.interval is not None and advice.interval >= 0:
            self.interval_s = min(advice.interval / 1000, 60.0)

    def _find(self, frames: Sequence[Frame], channel: str) -> Frame | None:
        return next((frame for frame in frames if frame.channel == channel), None)

    def _reply(self, frames: Sequence[Frame], channel: str) -> Frame:
        found = self._find(frames, channel)
        if found is None:
            peer = self._server.peer
            raise UnexpectedReply(
                f"Account {peer.account}: {peer.title} did not answer to {channel}.",
                where=channel,
                remedy="Check live_logs in the configuration.",
            )
        return found

    def _refused(self, reply: Frame, what: str) -> Refused:
        """Its words may name the channel, which has the stack's uid in it."""
        peer = self._server.peer
        said = peer.quote((reply.error or "it did not say why").replace(self._prefix, "…/"))
        return Refused(f"Account {peer.account}: {peer.title} refused {what} ({said}).")
