"""`@`: what changed before a time, everywhere; every pane at that instant, and back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from textual.pilot import Pilot

from tests.entities import NOW, deployment, service
from tests.screens.running import running, screen_text, sees, until
from tests.scripted import ScriptedProvider, scripted
from tui.engine.engine import Account
from tui.model.entities import Deployment, Ref, Service
from tui.model.errors import Forbidden
from tui.model.log import Level, LogKind, LogLine
from tui.model.status import Status
from tui.screens.before import BeforeSheet

SIZES = [(80, 24), (120, 40), (200, 50)]
HOUR = 3600.0


def past(name: str, *hours: float, account: str = "prod") -> list[Deployment]:
    """Newest first; the newest live, the others removed."""
    return [
        deployment(
            f"{name}-{len(hours) - n}",
            Status.REMOVED if n else Status.LIVE,
            service=name,
            account=account,
            ago_s=ago * HOUR,
            message=f"change {len(hours) - n} of {name}",
        )
        for n, ago in enumerate(hours)
    ]


def platform_of(account: str, histories: dict[str, list[Deployment]]) -> tuple[Account, ScriptedProvider]:
    made, platform = scripted(
        *(service(name, latest=one[0], live=one[0], account=account) for name, one in histories.items()),
        account=account,
    )
    platform.history = {each.ref: histories[each.name] for each in platform.services}
    return made, platform


def two_platforms() -> Sequence[tuple[Account, ScriptedProvider]]:
    return (
        platform_of("prod", {"api": past("api", 0.5, 3, 9), "web": past("web", 2.5)}),
        platform_of("lab", {"pay": past("pay", 2.2, 30, account="lab")}),
    )


def rows(pilot: Pilot[Any]) -> list[str]:
    """The names in the sheet, top down."""
    sheet = pilot.app.screen
    assert isinstance(sheet, BeforeSheet)
    return [each if isinstance(each, str) else each.path.rpartition("/")[2] for each in sheet.table.items]


def selected(app: Any) -> Service | None:  # noqa: ANN401
    ref = app.board.service
    return app.engine.store.service(ref) if isinstance(ref, Ref) else None


@pytest.mark.parametrize("size", SIZES)
async def test_what_changed_before_a_time_on_every_platform_stands_nearest_first(size: tuple[int, int]) -> None:
    (one, _), (other, _) = two_platforms()
    async with running(one, other, size=size) as (app, pilot):
        await sees(pilot, "api", "pay")
        await pilot.press("at", *"-2h", "enter")
        await sees(pilot, "Before ", "(2 h ago)", "10m45s", "lab", "all 3 services")
        assert rows(pilot)[:3] == ["pay", "web", "api"]
        assert "change 3 of api" not in screen_text(app)
        await pilot.press("escape")
        await sees(pilot, "f goes back to now", ", f: now")
        assert app.board.instant == NOW - timedelta(hours=2)


@pytest.mark.parametrize("size", SIZES)
async def test_enter_goes_to_the_service_its_deployment_and_the_instant_in_its_log(size: tuple[int, int]) -> None:
    (one, _), (other, lab) = two_platforms()
    at = NOW - timedelta(hours=2.2)
    lines = [LogLine(at + timedelta(minutes=n), f"paid {n}") for n in range(-60, 120)]
    lab.log(lab.services[0].ref, LogKind.RUNTIME, lines)
    async with running(one, other, size=size) as (app, pilot):
        await sees(pilot, "api", "pay")
        await pilot.press("at", *"2h", "enter")
        await sees(pilot, "Before", "pay", "all 3 services")
        await pilot.press("enter")
        await until(pilot, lambda: (found := selected(app)) is not None and found.name == "pay")
        await sees(pilot, "paid 2")
        await until(pilot, lambda: app.board.log_view.instant == at + timedelta(minutes=2), "went live 75 s later")
        assert app.board.timeline.selected == lab.history[lab.services[0].ref][0].ref
        assert app.board.timeline.has_focus
        await pilot.press("f")
        await until(pilot, lambda: app.board.log_view.following and app.board.instant is None)


async def test_a_log_that_holds_nothing_of_that_time_says_so() -> None:
    (one, _), (other, lab) = two_platforms()
    later = NOW - timedelta(hours=1)
    lab.log(lab.services[0].ref, LogKind.RUNTIME, [LogLine(later, "paid"), LogLine(NOW, "paid again")])
    async with running(one, other, size=(80, 24)) as (app, pilot):
        await sees(pilot, "api", "pay")
        await pilot.press("at", *"2h", "enter")
        await sees(pilot, "Before", "pay", "all 3 services")
        await pilot.press("enter")
        await sees(pilot, "What is held of this log begins later than")
        assert app.board.log_view.instant == later


async def test_the_timeline_goes_to_what_served_then_and_with_f_back_to_the_newest() -> None:
    (one, prod), _ = two_platforms()
    async with running(one) as (app, pilot):
        await sees(pilot, "change 1 of api" if app.size.width > 150 else "api")
        api = prod.history[prod.services[0].ref]
        await pilot.press("at", *"5h", "enter")
        await sees(pilot, "Before")
        await pilot.press("escape")
        await until(pilot, lambda: app.board.timeline.selected == api[2].ref, "what served five hours ago")
        await pilot.press("f")
        await until(pilot, lambda: app.board.timeline.selected == api[0].ref)
        assert app.board.at_newest


async def test_another_service_is_looked_at_at_that_instant_too() -> None:
    one, platform = platform_of("prod", {"api": past("api", 0.5, 3), "web": past("web", 1, 4, 9)})
    async with running(one) as (app, pilot):
        await sees(pilot, "api", "web")
        await pilot.press("at", *"3h", "enter", "escape")
        await until(pilot, lambda: app.board.instant is not None and not isinstance(app.screen, BeforeSheet))
        await pilot.press("1", "j")
        web = platform.history[platform.services[1].ref]
        await until(pilot, lambda: app.board.timeline.selected == web[1].ref, "what served three hours ago")


async def test_a_deployment_without_a_time_is_listed_apart_and_can_be_gone_to() -> None:
    timeless = replace(deployment("t", Status.REMOVED, service="api", message="nobody knows"), created_at=None)
    one, _ = platform_of("prod", {"api": [*past("api", 0.5), replace(timeless, finished_at=None)]})
    async with running(one) as (app, pilot):
        await sees(pilot, "api")
        await pilot.press("at", *"5m", "enter")
        await sees(pilot, "time unknown: 1 deployment", "nobody knows")
        await pilot.press("G", "enter")
        await until(pilot, lambda: app.board.timeline.selected == timeless.ref)


async def test_a_platform_that_cannot_be_read_is_said_and_the_others_are_there() -> None:
    (one, _), (other, lab) = two_platforms()
    lab.history_error = Forbidden("This token may not read deployments.")
    async with running(one, other) as (_, pilot):
        await sees(pilot, "api", "pay")
        await pilot.press("at", *"1h", "enter")
        await sees(pilot, "lab: This token may not read deployments.", "2 of 3 services", "change 1 of web")


async def test_the_same_commit_elsewhere_is_said() -> None:
    api, pay = past("api", 3), past("pay", 2, account="lab")
    pay = [replace(pay[0], revision=api[0].revision)]
    (one, _), (other, _) = platform_of("prod", {"api": api}), platform_of("lab", {"pay": pay})
    async with running(one, other, size=(200, 50)) as (_, pilot):
        await sees(pilot, "api", "pay")
        await pilot.press("at", *"1h", "enter")
        await sees(pilot, "lab/shop/production/pay: = same commit on prod/shop/production/api; change 1 of api")
        await pilot.press("j")
        await sees(pilot, "= same commit on lab/shop/production/pay; change 1 of api")


async def test_new_errors_of_the_log_that_is_open_are_among_what_happened() -> None:
    one, platform = platform_of("prod", {"api": past("api", 1)})
    began = NOW - timedelta(hours=1)
    lines = [LogLine(began + timedelta(seconds=n), f"fine {n}", deployment="api-0") for n in range(-900, 0, 10)]
    bad = [LogLine(began + timedelta(seconds=n), f"boom {n}", Level.ERROR, "api-1") for n in range(60, 100, 10)]
    platform.log(platform.services[0].ref, LogKind.RUNTIME, [*lines, *bad])
    async with running(one) as (app, pilot):
        await sees(pilot, "boom 90")
        await pilot.press("at", *"30m", "enter")
        await sees(pilot, "E new error", "4x boom <*>", "1 new error pattern")
        assert rows(pilot) == ["api", "api"]
        await pilot.press("j", "enter")
        await until(pilot, lambda: app.board.log_view.instant == began + timedelta(seconds=60))


@pytest.mark.parametrize(("typed", "said"), [("gestern", "is not a time"), ("2999-01-01T00:00Z", "still to come")])
async def test_what_is_no_time_or_to_come_opens_nothing(typed: str, said: str) -> None:
    (one, _), _ = two_platforms()
    async with running(one) as (app, pilot):
        await sees(pilot, "api")
        await pilot.press("at", *typed, "enter")
        await sees(pilot, said)
        assert app.board.instant is None
        assert not isinstance(app.screen, BeforeSheet)


async def test_a_service_that_went_while_the_sheet_was_open_is_not_gone_to() -> None:
    one, platform = platform_of("prod", {"api": past("api", 3), "web": past("web", 2)})
    async with running(one) as (app, pilot):
        await sees(pilot, "api", "web")
        await pilot.press("at", *"1h", "enter")
        await sees(pilot, "change 1 of web")
        platform.services = platform.services[:1]
        await sees(pilot, "gone", "change 1 of web")
        await pilot.press("enter")
        await sees(pilot, "web is not there any more.")
        assert isinstance(app.screen, BeforeSheet)
