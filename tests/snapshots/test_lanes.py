"""The timeline of everything as a picture."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from textual.pilot import Pilot

from tests.entities import NOW, deployment, service
from tests.past import GivenPast
from tests.screens.running import sees
from tests.scripted import FrozenClock, scripted
from tests.snapshots.showing import SIZES, Before, Compare, Shown, pressed, shown, utc
from tui.engine.audit import ActionPhase, AuditEntry
from tui.model.entities import Deployment, Kind, Ref, Service, Step
from tui.model.status import Status

__all__ = ["utc"]

_PLACES = {
    "railway": [("shop", "production", "api web worker checkout"), ("shop", "staging", "api web"),
                ("platform", "production", "auth gateway scheduler")],
    "gitlab": [("acme/payments", "production", "settlement fraud web"), ("acme/payments", "review/one-page", "web")],
    "cloud66": [("outlet", "production", "storefront"), ("outlet", "staging", "storefront")],
    "dokploy": [("tools", "production", "wiki 決済サービス uptime")],
}  # fmt: skip


_MESSAGES = ("fix: the cart's total", "Bump redis", "漢字 in names")


def _past(account: str, name: str, chance: random.Random) -> list[Deployment]:
    """Newest first."""
    ago_s, made, live = chance.uniform(300, 9000), list[Deployment](), False
    while ago_s < 40 * 86400:
        status = Status.SUPERSEDED if live else Status.LIVE
        if chance.random() < 0.15:
            status = chance.choice((Status.FAILED, Status.CANCELLED))
        live = live or status is Status.LIVE
        one = deployment(
            f"{account}-{name}-{len(made)}", status, service=name, account=account, ago_s=ago_s,
            took_s=chance.uniform(40, 700), message=chance.choice(_MESSAGES),
        )  # fmt: skip
        assert one.created_at is not None
        made.append(replace(one, started_at=one.created_at + timedelta(seconds=chance.uniform(2, 90))))
        ago_s += chance.choice((600, 7000, 40_000, 200_000)) * chance.uniform(0.5, 2)
    return made


def _changed(account: str, name: str, past: list[Deployment]) -> list[Deployment]:
    """Some that are under way, wait, have no time, or stand ahead."""
    match account, name:
        case "railway", "checkout":
            return [deployment("roll", Status.DEPLOYING, service=name, account=account, ago_s=290), *past]
        case "railway", "auth":
            return [deployment("queued", Status.QUEUED, service=name, account=account, ago_s=70), *past]
        case "gitlab", "settlement":
            waits = deployment("wait", Status.NEEDS_APPROVAL, service=name, account=account, ago_s=2600)
            return [
                waits,
                *past,
                *(replace(each, created_at=None, started_at=None, finished_at=None) for each in past[:2]),
            ]
        case "cloud66", "storefront":
            return [
                replace(past[0], created_at=NOW + timedelta(minutes=3), started_at=None, finished_at=None),
                *past[1:],
            ]
        case "dokploy", "uptime":
            return [each for each in past if each.created_at and each.created_at < NOW - timedelta(days=2)]
    return past


def world() -> Shown:
    chance = random.Random(3)
    accounts, pasts, clock = [], {}, FrozenClock()
    late: dict[Ref, timedelta] = {}
    for account, places in _PLACES.items():
        services: list[Service] = []
        for project, environment, names in places:
            for name in names.split():
                known = _changed(account, name, _past(account, name, chance))
                live = next((each for each in known if each.is_live), None)
                made = service(
                    name, known[0].status, account=account, project=project, environment=environment,
                    latest=known[0], live=live,
                )  # fmt: skip
                made = replace(made, ref=Ref(account, Kind.SERVICE, f"{environment}-{name}"))
                services.append(made)
                pasts[made.ref] = known
                if name == "fraud":
                    late[made.ref] = timedelta(hours=2)
        accounts.append(scripted(*services, account=account, clock=clock)[0])
    app = shown(*accounts, clock=clock)
    past = GivenPast(pasts)
    past.read_since = {ref: NOW - back for ref, back in late.items()}
    app.engine.history = past  # type: ignore[assignment]
    for verb, path, ago_s, status in (
        ("restart", "railway/shop/production/worker", 4000, "live"),
        ("redeploy", "railway/shop/production/api", 700, "live"),
        ("rollback", "railway/shop/production/web", 7600, "failed"),
    ):
        for phase, later in ((ActionPhase.ASKED, 0), (ActionPhase.FINAL, 60)):
            at = NOW - timedelta(seconds=ago_s - later)
            told = status if phase is ActionPhase.FINAL else None
            app.engine.audit.append(AuditEntry(at, "ada", "railway", verb, path, phase, f"{verb}-1", status=told))
    return app


async def _open(pilot: Pilot[Any]) -> None:
    await sees(pilot, "checkout")
    await pilot.press("4")
    await sees(pilot, "Timeline of everything", "from here", "checkout")


async def _steps(pilot: Pilot[Any]) -> None:
    await sees(pilot, "checkout")
    store = pilot.app.engine.store  # type: ignore[attr-defined]
    checkout = next(each for each in store.services() if each.name == "checkout")
    store.put_steps(
        replace(checkout.latest, service=checkout.ref),
        (
            Step("SNAPSHOT_CODE", Status.LIVE, NOW - timedelta(seconds=250), NOW - timedelta(seconds=240)),
            Step("BUILD_IMAGE", Status.LIVE, NOW - timedelta(seconds=240), NOW - timedelta(seconds=90)),
            Step("CREATE_CONTAINER", Status.BUILDING, NOW - timedelta(seconds=90)),
        ),
    )
    await _open(pilot)


def _keys(*keys: str, then: tuple[str, ...] = (), start: Before = _open) -> Before:
    return pressed(*keys, then=then, start=start)


SCREENS: dict[str, Before] = {
    "lanes": _open,
    "lanes-jumped": _keys(*["E"] * 2, then=("failed",)),
    "lanes-close": _keys(
        *["plus"] * 4,
        "slash",
        *"shop prod",
        "enter",
        "j",
        start=_steps,
        then=("/shop prod", "deploying checkout"),
    ),
    "lanes-month": _keys(*["minus"] * 6, *["h"] * 12, then=("30d",)),
}


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", SCREENS)
def test_lanes(name: str, size: tuple[int, int], snap_compare: Compare) -> None:
    assert snap_compare(world(), terminal_size=size, run_before=SCREENS[name])
