"""What GitLab's refusals mean. They come in four shapes: `message` as text or as an object, `error`, plain text."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import httpx
import msgspec

from tui.model.errors import Forbidden, NotFound, ProviderError, Refused, Unauthorized
from tui.providers.http import Peer
from tui.providers.rest import Classify

CREDENTIAL = (
    "Make an access token with the scope `api` (or `read_api`, to look only) under Preferences > Access tokens, or in "
    "a group's or project's settings, and give it to this account in the configuration."
)

_MOVED = re.compile(r"/projects/(\d+)")
_PREFIX = re.compile(r"^4\d\d (Bad request|Forbidden|Unauthorized)( - )?", re.IGNORECASE)

_WORDS = {
    "job is not retryable": "this job was already re-run, archived or rejected",
    "unplayable job": "this job cannot be started now: it is not manual, or an approval is missing",
    "deployments created using gitlab ci can not be updated": (
        "this deployment was made by GitLab CI, which sets its status itself"
    ),
    "cannot destroy running deployment": "it is running, and a running deployment cannot be removed",
    "deployment currently deployed to environment": (
        "it is the one that is deployed, which cannot be removed from the list"
    ),
    "you cannot approve your own deployment": "nobody may approve a deployment of their own here",
    "non get methods are not allowed for moved projects": "the project was moved or renamed",
}
"""What GitLab says, and what is meant by it."""


class Moved(NotFound):
    """The project is at another address: `project` is its id."""

    project: str = ""


class NoRoute(NotFound):
    """The server has no such endpoint: it is too old, or without a licence for it."""


def classifier(peer: Peer) -> Classify:
    def classify(response: httpx.Response, mutation: bool) -> ProviderError | None:
        return _error(peer, response, mutation)

    return classify


def words_of(response: httpx.Response) -> str:
    """What the body says in one line; "" where it is not GitLab's JSON."""
    try:
        body = msgspec.json.decode(response.content)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return ""
    if not isinstance(body, dict):
        return ""
    said = body.get("message") or body.get("error_description") or body.get("error")
    return _flat(said)


def _flat(said: object, depth: int = 0) -> str:
    match said:
        case str():
            return said
        case list() if depth < 4:
            return ", ".join(filter(None, (_flat(each, depth + 1) for each in said[:20])))
        case dict() if depth < 4:
            parts = []
            for name, inner in list(said.items())[:20]:
                text = _flat(inner, depth + 1)
                parts.append(text if name in ("base", "error") else f"{name}: {text}")
            return "; ".join(filter(None, parts))
    return ""


def _error(peer: Peer, response: httpx.Response, mutation: bool) -> ProviderError | None:
    status = response.status_code
    account = f"Account {peer.account}"
    if status in (301, 302, 307, 308):
        target = urlsplit(response.headers.get("location", "")).path
        found = _MOVED.search(target)
        if found is None or target == response.request.url.raw_path.decode("ascii", "replace").partition("?")[0]:
            return None  # to another host or to TLS, which is not followed
        moved = Moved(f"{account}: the project was moved; its id is {found[1]}.")
        moved.project = found[1]
        return moved
    said = peer.quote(words_of(response))
    if not said:
        return None
    match status:
        case 401:
            return Unauthorized(f"{account}: GitLab does not accept the token ({said}).", remedy=CREDENTIAL)
        case 403 if b"insufficient_scope" in response.content:
            scope = _scope(peer, response)
            return Forbidden(
                f"{account}: the token's scope is too narrow ({said}).", scope=scope or "api", remedy=CREDENTIAL
            )
        case 403:
            told = meaning(said)
            if told or _PREFIX.sub("", said).strip():
                return Refused(f"{account}: GitLab refused: {told or _PREFIX.sub('', said)}.")
            return Forbidden(
                f"{account}: GitLab does not allow it ({said}).",
                remedy="The token's owner lacks the role for it, or the environment is protected.",
            )
        case 404 if b'"error"' in response.content and "Not Found" in said:
            return NoRoute(f"{account}: this GitLab server does not know that request ({said}).")
        case 404:
            return NotFound(f"{account}: GitLab does not know it, or does not any more ({said}).")
        case 400 | 405 | 409 | 412 | 422:
            return Refused(f"{account}: GitLab refused: {meaning(said) or _PREFIX.sub('', said).rstrip('.')}.")
    return None


def meaning(said: str) -> str:
    """Plainer words for what GitLab said, where there are some. Its messages come with and without `400 `."""
    lower = said.lower()
    return next((plain for key, plain in _WORDS.items() if key in lower), "")


def _scope(peer: Peer, response: httpx.Response) -> str:
    try:
        body = msgspec.json.decode(response.content, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return peer.quote(str(body.get("scope") or ""), 60)
