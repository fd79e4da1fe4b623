"""How long things took: what is not known is not guessed, and what never started took no days."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from tests.entities import NOW, deployment, service
from tests.screens.running import running, screen_text, sees
from tests.scripted import scripted
from tui.model.entities import Deployment
from tui.model.status import Status


def never_started() -> Deployment:
    """Cancelled on a platform that reports starts, three days after it was made."""
    made = deployment("d2", Status.CANCELLED, ago_s=4 * 86400)
    return replace(made, finished_at=NOW - timedelta(days=1), starts_at_creation=False)


async def test_what_never_started_took_no_days() -> None:
    account, _ = scripted(service("api", latest=never_started(), live=deployment("d1", ago_s=9 * 86400)))
    async with running(account, size=(120, 40)) as (app, pilot):
        await sees(pilot, "- cancelled   4d      – ")
        await pilot.press("2", "enter")
        await sees(pilot, "Deployment of api", "took       no time: it never started")
        await pilot.press("escape", "4")
        await sees(pilot, "cancelled api", "never started")
        assert "72h" not in screen_text(app)
        assert "took 3d" not in screen_text(app)


async def test_an_end_that_is_not_reported_leaves_the_duration_unknown() -> None:
    account, _ = scripted(service("api", latest=deployment("d2", Status.REMOVED, took_s=None)))
    async with running(account) as (_, pilot):
        await sees(pilot, "- removed     1h      – ")
        await pilot.press("2", "enter")
        await sees(pilot, "took       not known")


async def test_the_live_revision_stands_beside_live_and_the_newest_beside_it() -> None:
    live, failed = deployment("d1", ago_s=9000), deployment("e2", Status.FAILED, ago_s=600)
    account, _ = scripted(service("api", latest=failed, live=live), service("web"))
    assert live.revision is not None
    assert failed.revision is not None
    old, new = live.revision.short, failed.revision.short
    async with running(account, size=(200, 50)) as (app, pilot):
        await sees(pilot, "live›failed", f"{old} ›{new}", f"live {old}, newest {new}")
        await pilot.press("j")
        await sees(pilot, "2 Timeline  web")
        assert ", newest" not in screen_text(app)
