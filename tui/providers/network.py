"""How this machine gets to the network: the proxy and the certificates that its environment names.

Requests and WebSockets of an account take the same way. A variable that cannot be used is an error that names it.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import ssl
import urllib.request
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

import httpx
from msgspec import Struct

from tui.model.errors import Unreachable

if TYPE_CHECKING:
    from tui.providers.http import Peer

_SCHEMES = ("http", "https", "socks5", "socks5h")
_SOCKS = ("socksio", "python_socks")  # for requests, and for WebSockets
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_KEY_LOG = "SSLKEYLOGFILE"


class Proxy(Struct, frozen=True):
    """`name` is the variable that names it; `url` may hold a password."""

    name: str
    url: str


def proxy_of(peer: Peer, environ: Mapping[str, str] = os.environ) -> Proxy | None:
    """Return the proxy on the way to the account's address. Raises Unreachable when its variable cannot be used."""
    parts = urlsplit(peer.url)
    scheme = "http" if parts.scheme in ("http", "ws") else "https"
    named = urllib.request.getproxies()
    key = scheme if scheme in named else "all"
    if key not in named or urllib.request.proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    variables = (f"{key}_proxy", f"{key}_proxy".upper())
    name = next((each for each in variables if environ.get(each)), "the system's proxy setting")
    url = _normal(named[key])
    if url is None:
        raise Unreachable(
            f"Account {peer.account}: {name} does not hold a proxy's address, as in http://proxy.example:3128.",
            remedy="Correct it, or unset it.",
        )
    if url.startswith("socks") and not all(map(_is_installed, _SOCKS)):
        raise Unreachable(
            f"Account {peer.account}: {name} names a SOCKS proxy, which needs the extra socks: "
            'pip install "deckwatch[socks]".'
        )
    return Proxy(name, url)


def _normal(address: str) -> str | None:
    """Return it as httpx and websockets both understand it; None where it is no address of a proxy."""
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _SCHEMES or not parts.hostname or any(sign.isspace() for sign in address):
        return None
    user = "" if parts.username is None else f"{_again(parts.username)}:{_again(parts.password or '')}@"
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{user}{host}" + (f":{port}" if port else "")


def _again(part: str) -> str:
    return quote(unquote(part), safe="")


def _is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


@cache
def ssl_context(ca_file: Path | None = None) -> ssl.SSLContext:
    """The process's one TLS context (with `ca_file` added): building one takes some 16 ms."""
    context = httpx.create_ssl_context()
    if ca_file is not None:
        context.load_verify_locations(cafile=ca_file)
    return context


async def tls(peer: Peer, ca_file: Path | None) -> ssl.SSLContext:
    """`ssl_context` off the event loop. Raises Unreachable when a file that is named for it cannot be used."""
    if (odd := await asyncio.to_thread(_odd_variable)) is not None:
        name, path, why = odd
        raise Unreachable(
            f"Account {peer.account}: {name} is {peer.quote(path)}, which cannot be used: {why}.",
            remedy="Correct the variable, or unset it.",
        )
    try:
        return await asyncio.to_thread(ssl_context, ca_file)
    except OSError as error:  # ssl.SSLError is one too
        named = "this Python's certificates" if ca_file is None else f"the ca_file {ca_file}"
        raise Unreachable(
            f"Account {peer.account}: {named} cannot be used: {error.strerror or error}.",
            remedy="It must be a readable file of PEM certificates.",
        ) from error


def trusted_by(environ: Mapping[str, str] = os.environ) -> str:
    """Return the variable that says which authorities are trusted, with its path; "" where none does."""
    return next((f"{name}={environ[name]}" for name in _CERTIFICATES if environ.get(name)), "")


@cache
def _odd_variable() -> tuple[str, str, str] | None:
    """Return a variable that TLS would read and cannot, its path, and why."""
    for name in (*_CERTIFICATES, _KEY_LOG):
        path = os.environ.get(name, "")
        try:
            if path and not (name == "SSL_CERT_DIR" and os.environ.get("SSL_CERT_FILE")):  # the file wins
                _try(name, path)
        except OSError as error:
            return name, path, error.strerror or str(error)
    return None


def _try(name: str, path: str) -> None:
    """Use the path as TLS would. Raises OSError."""
    match name:
        case "SSL_CERT_FILE":
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
        case "SSL_CERT_DIR":
            for folder in path.split(os.pathsep):
                os.listdir(folder)  # OpenSSL itself would pass over one that is not there, and then trust nobody
        case _:
            with open(path, "a"):
                return
