"""What a person types to name a service or a deployment, and which one is meant.

TARGET is `account/project/environment/service`, any suffix or fragment of it, or the `ref` that the JSON shows.
DEPLOYMENT is an id (or the beginning of one), `TARGET@latest`, `TARGET@live`, `TARGET@previous` or `TARGET~2`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from tui.model.action import Verb
from tui.model.entities import Deployment, Service
from tui.model.status import Status

_SELECTOR = re.compile(r"^(?P<target>.*?)(?:@(?P<word>latest|live|previous)|~(?P<back>\d{1,4}))$")
_WAS_GOOD = frozenset({Status.LIVE, Status.SLEEPING, Status.SUPERSEDED, Status.REMOVED, Status.STOPPED})


class TargetError(Exception):
    """Nothing, or more than one thing (`ambiguous`), is named so. `candidates` are the names to choose from."""

    def __init__(self, message: str, candidates: Iterable[str] = (), *, ambiguous: bool = False) -> None:
        super().__init__(message)
        self.candidates = tuple(candidates)
        self.ambiguous = ambiguous


class Selector(Struct, frozen=True):
    """A deployment by its place in its service's timeline: `latest`, `live`, `previous`, or so many back."""

    word: str = "latest"
    back: int = 0

    def __str__(self) -> str:
        return f"~{self.back}" if self.back else f"@{self.word}"


def split(text: str) -> tuple[str, Selector | None]:
    """`api@live` -> ("api", live); a plain TARGET has no selector."""
    match = _SELECTOR.match(text)
    if match is None:
        return text, None
    return match["target"], Selector(match["word"]) if match["word"] else Selector(back=int(match["back"]))


def find_service(text: str, services: Sequence[Service]) -> Service:
    """The one service that `text` names: exactly, else by the end of its path, else by fragments of it.

    Raises TargetError.
    """
    wanted = text.casefold().strip("/")
    if not wanted:
        raise TargetError("No service is named.", _paths(services))
    tiers: tuple[Callable[[Service], bool], ...] = (
        lambda service: str(service.ref) == text,
        lambda service: service.path == text,
        lambda service: service.path.casefold() == wanted,
        lambda service: service.path.casefold().endswith(f"/{wanted}"),
        lambda service: _in_order(wanted.split("/"), service.path.casefold().split("/")),
    )
    for matches in tiers:
        found = [service for service in services if matches(service)]
        if len(found) == 1:
            return found[0]
        if found:
            # Two services may have the very same path; only their refs tell them apart.
            names = _paths(found) if len(set(_paths(found))) == len(found) else [str(service.ref) for service in found]
            raise TargetError(
                f"{text!r} names {len(found)} services. Write more of the one you mean:", names, ambiguous=True
            )
    raise TargetError(f"No service is named {text!r}." + (" There are:" if services else ""), _paths(services))


def find_deployment(text: str, timeline: Sequence[Deployment]) -> Deployment:
    """The one deployment of `timeline` (newest first) whose id is `text` or begins with it. Raises TargetError."""
    exact = [deployment for deployment in timeline if text in (deployment.id, str(deployment.ref))]
    if exact:
        return exact[0]
    found = [deployment for deployment in timeline if text and deployment.id.casefold().startswith(text.casefold())]
    if len(found) == 1:
        return found[0]
    if found:
        ids = [deployment.id for deployment in found]
        raise TargetError(
            f"{text!r} begins {len(found)} deployments' ids. Write more of the one you mean:", ids, ambiguous=True
        )
    raise TargetError(f"There is no deployment {text!r}. There are:", [deployment.id for deployment in timeline])


def select(selector: Selector, timeline: Sequence[Deployment]) -> Deployment:
    """`timeline` is one service's, newest first. Raises TargetError."""
    if not timeline:
        raise TargetError("The service has no deployments.")
    if selector.word == "live":
        for deployment in timeline:
            if deployment.is_live:
                return deployment
        raise TargetError("No deployment of the service is live.")
    if selector.word == "previous":
        good = previous_good(timeline)
        if good is None:
            raise TargetError("The service has no good deployment before the live one.")
        return good
    if selector.back >= len(timeline):
        raise TargetError(f"The service has only {len(timeline)} deployments; ~{selector.back} is before the first.")
    return timeline[selector.back]


def previous_good(timeline: Sequence[Deployment]) -> Deployment | None:
    """The last good one before the live one; when none is live, the last good one at all.

    Good: it has served, and nothing but its age stands against going back to it. `timeline` is newest first.
    """
    live = next((number for number, deployment in enumerate(timeline) if deployment.is_live), -1)
    for deployment in timeline[live + 1 :]:
        if deployment.status in _WAS_GOOD and Verb.ROLLBACK not in deployment.not_now:
            return deployment
    return None


def _in_order(fragments: Sequence[str], parts: Sequence[str]) -> bool:
    """Each fragment lies in a part of its own, in the same order: `shop/api` is in `acme/webshop/production/api`."""
    remaining = iter(parts)
    return all(any(fragment in part for part in remaining) for fragment in fragments)


def _paths(services: Iterable[Service]) -> list[str]:
    return [service.path for service in services]
