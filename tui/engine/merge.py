"""One timeline out of several readings: pages, snapshots, single deployments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from msgspec.structs import replace

from tui.model.entities import Deployment, Page, Service

_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


def newest_first(deployments: Iterable[Deployment]) -> tuple[Deployment, ...]:
    """Those without a time of creation come last, in the order they came."""
    return tuple(sorted(deployments, key=lambda each: each.created_at or _BEFORE_ALL, reverse=True))


def overlaid(
    deployments: Sequence[Deployment], service: Service, *, only_absent: bool = False
) -> tuple[Deployment, ...]:
    """The list with what a snapshot says of the service's latest and live deployment.

    A snapshot newer than the list wins over it; `only_absent` is for a list that is the newer of the two.
    """
    told = {each.ref: each for each in (service.latest, service.live) if each is not None}
    known = {each.ref for each in deployments}
    if only_absent:
        return newest_first([*deployments, *(each for ref, each in told.items() if ref not in known)])
    live = None if service.live is None else service.live.ref
    kept = (
        told[each.ref]
        if each.ref in told
        else replace(each, is_live=False)
        if each.is_live and each.ref != live
        else each
        for each in deployments
    )
    return newest_first([*kept, *(each for ref, each in told.items() if ref not in known)])


def joined(
    old: Sequence[Deployment], old_next: str | None, page: Page[Deployment], *, first: bool, deep: bool
) -> tuple[tuple[Deployment, ...], str | None]:
    """The list and the cursor for what is older, after a page was read. `deep`: older pages were read before.

    The newest page replaces what it covers, so that what was deleted goes; older pages stay, unless so much is new
    that the page no longer meets them.
    """
    fresh = {each.ref for each in page.items}
    if not first:
        return newest_first([*(each for each in old if each.ref not in fresh), *page.items]), page.next
    met = [position for position, each in enumerate(old) if each.ref in fresh]
    if not deep or not met or page.next is None:
        return newest_first(page.items), page.next
    return newest_first([*page.items, *old[met[-1] + 1 :]]), old_next
