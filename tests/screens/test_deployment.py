"""A deployment's page: what it is, what it brought, what runs of it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from textual.pilot import Pilot

from tests.entities import NOW, deployment, service
from tests.screens.running import running, screen_text, sees, until
from tests.scripted import ScriptedProvider, scripted
from tui.engine.engine import Account
from tui.model.entities import Change, ChangeKind, Changes, Instance, Kind, Ref, Step
from tui.model.errors import Refused, Unreachable
from tui.model.log import LogKind, LogLine
from tui.model.status import Status
from tui.screens.deployment import DeploymentScreen

SIZES = [(80, 24), (120, 40), (200, 50)]

BROUGHT = Changes(
    (Change(ChangeKind.MERGE_REQUEST, "!412", "Settle in batches", "Mei Tanaka", NOW, "https://git.example/mr/412"),),
    "https://git.example/compare/a...b",
    "Two commits are in no merge request.",
)


def with_history() -> tuple[Account, ScriptedProvider]:
    """What serves came after one that failed, and before that one was live."""
    account, platform = scripted(service("api"))
    platform.history[platform.services[0].ref] = [
        deployment("api-1"),
        deployment("failed", Status.FAILED, ago_s=7000),
        deployment("before", Status.SUPERSEDED, ago_s=9000),
    ]
    return account, platform


async def test_a_deployments_page_shows_it_whole_and_follows_it() -> None:
    account, platform = scripted(service("api"))
    api = platform.services[0]
    assert api.latest is not None
    async with running(account) as (_, pilot):
        await sees(pilot, "cart")
        await pilot.press("2", "enter")
        await sees(pilot, "Deployment of api", "revision", api.latest.revision.sha if api.latest.revision else "")
        platform.history[api.ref] = [deployment("api-1", Status.CRASHED)]
        platform.replace_service(service("api", latest=deployment("api-1", Status.CRASHED)))
        await sees(pilot, "crashed (CRASHED)")


@pytest.mark.parametrize("size", SIZES)
async def test_the_page_tells_what_the_deployment_brought_over_what_served_before_it(size: tuple[int, int]) -> None:
    account, platform = with_history()
    platform.brought[deployment("api-1").ref] = BROUGHT
    async with running(account, size=size) as (_, pilot):
        await sees(pilot, "replaced")
        await pilot.press("2", "enter")
        await sees(pilot, "Deployment of api")
        await until(pilot, lambda: platform.compared == [("api-1", "before")])
        await pilot.press("g", *["j"] * 12)
        await sees(pilot, "!412", "Settle in batches", "Mei Tanaka", "2026-08-22", "https://git.example/mr/412")
        await sees(pilot, "compare  https://git.example/compare/a...b", "Two commits are in no merge request.")


async def test_changes_are_being_read_until_they_are_there_and_are_read_once() -> None:
    account, platform = with_history()
    platform.changes_gate = asyncio.Event()
    async with running(account) as (app, pilot):
        await sees(pilot, "replaced")
        await pilot.press("2", "enter")
        await sees(pilot, "Changes", "being read")
        platform.changes_gate.set()
        await sees(pilot, "Scripted tells only the commit")
        assert "being read" not in screen_text(app)
        await pilot.press("escape", "enter")
        await sees(pilot, "Scripted tells only the commit")
        assert platform.compared == [("api-1", "before")]


async def test_changes_that_could_not_be_read_say_why_and_are_tried_again_by_key() -> None:
    account, platform = with_history()
    platform.changes_error = Unreachable("Scripted does not answer.", remedy="Look at its status page.")
    async with running(account) as (app, pilot):
        await sees(pilot, "replaced")
        await pilot.press("2", "enter")
        await sees(pilot, "Scripted does not answer. Look at its status page. ctrl+r tries again.")
        platform.changes_error = None
        await pilot.press("ctrl+r")
        await sees(pilot, "Scripted tells only the commit")
        assert "does not answer" not in screen_text(app)


async def test_a_deployment_made_of_nothing_known_says_so() -> None:
    account, platform = scripted(service("api"))
    nothing = replace(deployment("api-1"), revision=None)
    platform.services = [service("api", latest=nothing, live=nothing)]
    async with running(account) as (_, pilot):
        await sees(pilot, "api")
        await pilot.press("2", "enter")
        await sees(pilot, "Scripted does not say what this deployment was made from.")


def running_copy(name: str, status: Status = Status.LIVE) -> Instance:
    return Instance(Ref("prod", Kind.INSTANCE, name), status, status.upper(), name)


@pytest.mark.parametrize("size", SIZES)
async def test_what_runs_in_the_services_place_is_counted_and_the_bad_ones_come_first(size: tuple[int, int]) -> None:
    account, platform = scripted()
    copies = ("web · 1", "web · 2", "worker · 1")
    instances = [running_copy(name) for name in copies] + [running_copy("web · 3", Status.CRASHED)]
    platform.services = [replace(service("api"), instances=tuple(instances))]
    async with running(account, size=size) as (app, pilot):
        await sees(pilot, "live 3/4 up")
        await pilot.press("2", "enter")
        await sees(pilot, "Deployment of api", "0 log lines yet")
        await pilot.press("g", *["j"] * 8)
        await sees(pilot, "Scripted tells only the commit")
        await pilot.press("g", *["j"] * 18)
        await sees(pilot, "Instances  3/4 up  web 2/3 up, worker 1/1 up", "✗ web · 3  crashed", "● worker · 1  live")
        text = screen_text(app)
        assert text.index("web · 3") < text.index("web · 1") < text.index("worker · 1")


async def test_of_many_that_are_up_some_are_shown_and_the_others_counted() -> None:
    account, platform = scripted()
    instances = [running_copy(f"{number}") for number in range(50)] + [running_copy("down", Status.STOPPED)]
    platform.services = [replace(service("api"), instances=tuple(instances))]
    async with running(account, size=(120, 80)) as (_, pilot):
        await sees(pilot, "live 50/51 up")
        await pilot.press("2", "enter")
        await sees(pilot, "Instances  50/51 up", "■ down  stopped", "and 30 others that are up")


async def test_an_older_deployment_does_not_show_what_runs_now() -> None:
    account, platform = with_history()
    platform.services = [replace(platform.services[0], instances=(running_copy("web-1"),))]
    async with running(account) as (app, pilot):
        await sees(pilot, "replaced")
        await pilot.press("2", "j", "j", "enter")
        await sees(pilot, "(SUPERSEDED)", "Scripted tells only the commit")
        assert "Instances" not in screen_text(app)


def failing(status: Status = Status.FAILED, *lines: str) -> tuple[Account, ScriptedProvider]:
    """The newest one failed after 12 s; those before it took 75 s; its log says `lines`."""
    bad = deployment("bad", status, ago_s=300, took_s=12, note="exit code 1")
    live = deployment("old", ago_s=9000)
    account, platform = scripted(service("api", status, latest=bad, live=live))
    api = platform.services[0].ref
    platform.history[api] = [bad, live, *(deployment(f"h{n}", Status.SUPERSEDED, ago_s=9000 * n) for n in (2, 3, 4))]
    kind = LogKind.RUNTIME if status is Status.CRASHED else LogKind.BUILD
    platform.log(api, kind, [LogLine(NOW, line, deployment="bad") for line in lines])
    return account, platform


async def _opens_it(pilot: Pilot[Any]) -> None:
    await sees(pilot, "replaced")
    await pilot.press("2", "enter")
    await sees(pilot, "Deployment of api")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("status", [Status.FAILED, Status.CRASHED])
async def test_the_first_error_of_what_failed_is_seen_without_another_key(
    status: Status, size: tuple[int, int]
) -> None:
    said = [f"step {n}" for n in range(60)]
    account, _ = failing(status, *said, "ERROR: no such file: cart.py", *said)
    async with running(account, size=size) as (app, pilot):
        await _opens_it(pilot)
        name = "Runtime log" if status is Status.CRASHED else "Build log"
        await sees(
            pilot,
            f"{name}  first error",
            "step 59",
            f"{NOW.astimezone():%H:%M:%S} ERROR: no such file: cart.py",
            "step 0",
        )
        assert "step 30" not in screen_text(app)


async def test_how_long_it_took_is_told_with_what_is_usual() -> None:
    account, _ = failing()
    async with running(account) as (_, pilot):
        await _opens_it(pilot)
        await sees(pilot, "12s until it failed, usually 1m15s (of 4)")
        await pilot.press("escape", "j", "enter")
        await sees(pilot, "1m15s, as usual (1m15s, of 3)")
        await pilot.press("escape", "j", "j", "enter")
        await sees(pilot, "1m15s (usual not known: only 1 before it told its times)")


async def test_what_is_under_way_is_told_with_what_is_usual_and_its_steps_come_first() -> None:
    account, platform = failing()
    building = deployment("new", Status.BUILDING, ago_s=80)
    platform.replace_service(service("api", latest=building, live=deployment("old", ago_s=9000)))
    platform.history[building.service].insert(0, building)
    begun = NOW - timedelta(seconds=80)
    platform.taken[building.ref] = (
        Step("Snapshot", Status.LIVE, begun, begun + timedelta(seconds=20)),
        Step("Build image", Status.BUILDING, begun + timedelta(seconds=20)),
    )
    async with running(account) as (app, pilot):
        await _opens_it(pilot)
        await sees(pilot, "1m20s so far, usually 1m15s (of 4)", "snapshot", "25%", "build image", "1m00s", "75%")
        text = screen_text(app)
        assert text.index("build image") < text.index("revision")


async def test_a_log_that_cannot_be_read_says_why() -> None:
    account, platform = failing()
    platform.log_error = Refused("Scripted keeps no log of it.", remedy="Look at its page.")
    async with running(account) as (_, pilot):
        await _opens_it(pilot)
        await sees(pilot, "Build log", "Scripted keeps no log of it. Look at its page.")


async def test_a_log_that_the_platform_does_not_have_says_what_to_do_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ScriptedProvider, "log_kinds", frozenset({LogKind.BUILD}))
    monkeypatch.setattr(
        ScriptedProvider, "lacks", {**ScriptedProvider.lacks, LogKind.RUNTIME: "Scripted has none. Use its shell."}
    )
    account, _ = failing(Status.CRASHED)
    async with running(account) as (_, pilot):
        await _opens_it(pilot)
        await sees(pilot, "Runtime log", "Scripted has none. Use its shell.")


async def test_its_steps_changes_and_log_are_read_once_and_the_log_is_closed_with_it() -> None:
    account, platform = failing(Status.FAILED, "ERROR: no such file")
    async with running(account) as (app, pilot):
        await _opens_it(pilot)
        await sees(pilot, "first error", "Scripted tells only the commit")
        screen = app.screen
        assert isinstance(screen, DeploymentScreen)
        assert screen.failing is not None
        polled = app.engine.store.heartbeat
        await until(pilot, lambda: app.engine.store.heartbeat > polled + 3, "more polls")
        assert platform.compared == [("bad", "old")]
        assert platform.steps_asked.count("bad") <= 2, "the board's own, and the page's"
        await pilot.press("escape")
        await until(pilot, lambda: screen.failing is None, "the log closed")


async def test_a_deployment_that_fails_while_it_is_looked_at_shows_why() -> None:
    account, platform = failing(Status.BUILDING, "step 1", "ERROR: no such file")
    async with running(account) as (app, pilot):
        await _opens_it(pilot)
        await sees(pilot, "so far")
        assert "first error" not in screen_text(app)
        bad = deployment("bad", Status.FAILED, ago_s=300, took_s=12)
        platform.history[bad.service][0] = bad
        platform.replace_service(service("api", Status.FAILED, latest=bad, live=deployment("old", ago_s=9000)))
        await sees(pilot, "first error", "ERROR: no such file")
