"""Sort GitLab's refusals by what to do. They come in four shapes: `message` as text or as an object, `error`, text."""

from __future__ import annotations

import re
from http import HTTPStatus
from urllib.parse import urlsplit

import httpx
import msgspec

from tui.model.errors import Forbidden, NotFound, ProviderError, Refused, Unauthorized, Unreachable
from tui.providers import http, values
from tui.providers.http import Peer
from tui.providers.rest import Classify

CREDENTIAL = (
    "Make an access token with the scope `api` (or `read_api`, to look only) under Preferences > Access tokens, or in "
    "a group's or project's settings, and give it to this account in the configuration."
)

_MOVED = re.compile(r"/projects/(\d+)")
_CODE = re.compile(r"^[1-5]\d\d (?=\D)")
_PREFIX = re.compile(r"^(Bad request|Forbidden|Unauthorized)( - )?", re.IGNORECASE)
_SAID = ("message", "error_description", "error")  # where GitLab writes its words, the most telling first
_ABANDONED = (408, 499)  # a timeout on the way, which says nothing about what the server did

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


def words_of(response: httpx.Response) -> str | None:
    """Return what a JSON body says, as words in one line, without the status code; None for any other body."""
    try:
        body = values.decode_json(response.content)
    except (ValueError, RecursionError):
        return None
    said = body
    if isinstance(body, dict):
        said = next((found for name in _SAID if (found := body.get(name))), body)
    words = _CODE.sub("", _flat(said))
    return _phrase(response.status_code) if words.isdigit() else words or _phrase(response.status_code)


def _phrase(status: int) -> str:
    """Return what a status means, in words: some servers use numbers that no standard has."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "no reason was given"


def _flat(said: object, depth: int = 0) -> str:
    match said:
        case str():
            return said.strip()
        case bool() | None:
            return ""
        case int() | float():
            return str(said)
        case list() if depth < 4:
            return ", ".join(filter(None, (_flat(each, depth + 1) for each in said[:20])))
        case dict() if depth < 4:
            parts = []
            for name, inner in list(said.items())[:20]:
                if text := _flat(inner, depth + 1):
                    parts.append(text if name in ("base", *_SAID) else f"{name}: {text}")
            return "; ".join(parts)
    return ""


def _error(peer: Peer, response: httpx.Response, mutation: bool) -> ProviderError | None:
    status = response.status_code
    account = f"Account {peer.account}"
    if status in (301, 302, 307, 308):
        target = _path_of(response.headers.get("location", ""))
        found = _MOVED.search(target)
        if found is None or target == response.request.url.raw_path.decode("ascii", "replace").partition("?")[0]:
            return None  # to another host or to TLS, which is not followed
        moved = Moved(f"{account}: the project was moved; its id is {found[1]}.")
        moved.project = found[1]
        return moved
    words = words_of(response)
    said = peer.quote(words).rstrip(".") if words is not None else ""
    where = f"{peer.title} at {peer.host}"
    if mutation and (status in _ABANDONED or (status >= 500 and said)):
        return http.outcome_unknown(peer, f"{where} answered “{said or _phrase(status)}”")
    if not said:
        return None
    match status:
        case 401:
            return Unauthorized(f"{account}: GitLab does not accept the token ({said}).", remedy=CREDENTIAL)
        case 403:
            return _forbidden(peer, response, said)
        case 404 if b'"error"' in response.content and "Not Found" in said:
            return NoRoute(f"{account}: this GitLab server does not know that request ({said}).")
        case 404 | 410:
            return NotFound(f"{account}: GitLab does not know it, or does not any more ({said}).")
        case 408 | 499:
            return Unreachable(f"{account}: {where} gave no answer in time ({said}).", remedy="It is tried again.")
        case 429:
            return None
        case _ if status >= 500:
            return Unreachable(f"{account}: {where} has a fault of its own ({said}).", remedy="It is tried again.")
        case _ if 400 <= status < 500:
            return Refused(f"{account}: GitLab refused: {meaning(said) or _PREFIX.sub('', said) or said}.")
    return None


def _path_of(location: str) -> str:
    try:
        return urlsplit(location).path
    except ValueError:  # an address that is none
        return ""


def _forbidden(peer: Peer, response: httpx.Response, said: str) -> ProviderError:
    account = f"Account {peer.account}"
    if b"insufficient_scope" in response.content:
        return Forbidden(
            f"{account}: the token's scope is too narrow ({said}).",
            scope=_scope(peer, response) or "api",
            remedy=CREDENTIAL,
        )
    reason = meaning(said) or _PREFIX.sub("", said).strip()
    if reason:
        return Refused(f"{account}: GitLab refused: {reason}.")
    return Forbidden(
        f"{account}: GitLab does not allow it ({said}).",
        remedy="The token's owner lacks the role for it, or the environment is protected.",
    )


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
