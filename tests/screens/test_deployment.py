"""A deployment's page: what it is, what it brought, what runs of it."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from tests.entities import NOW, deployment, service
from tests.screens.running import running, screen_text, sees, until
from tests.scripted import ScriptedProvider, scripted
from tui.engine.engine import Account
from tui.model.entities import Change, ChangeKind, Changes, Instance, Kind, Ref
from tui.model.errors import Unreachable
from tui.model.status import Status

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
        await sees(pilot, "Scripted tells only the commit")
        await pilot.press("g", *["j"] * 16)
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
