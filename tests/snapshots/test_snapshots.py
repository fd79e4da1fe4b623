"""Every screen in every state as a picture. A change is looked at before it is accepted (--snapshot-update)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from textual.pilot import Pilot

from tests.entities import NOW, deployment, service
from tests.screens.running import armed, sees, until
from tests.scripted import FrozenClock, ScriptedProvider, scripted
from tests.snapshots.showing import SIZES, Before, Compare, pressed, shown, utc
from tui.engine.engine import Account
from tui.model.action import Verb
from tui.model.entities import Approval, ApprovalRule, Deployment, Kind, Ref, Step
from tui.model.errors import Refused, Unauthorized, Unreachable
from tui.model.log import Level, LogEntry, LogGap, LogKind, LogLine
from tui.model.status import Status
from tui.model.target import has_served
from tui.screens.deployment import DeploymentScreen
from tui.screens.options import OptionsSheet

__all__ = ["utc"]


def world(clock: FrozenClock | None = None) -> tuple[Account, ScriptedProvider]:
    """A team's services in every state that matters, with a history, steps and lines."""
    building = deployment("new", Status.BUILDING, service="checkout", ago_s=42, message="feat: [new] checkout 漢字")
    live = deployment("old", service="checkout", ago_s=7200)
    failed = deployment("bad", Status.FAILED, service="web", ago_s=300, note="build failed: exit code 1")
    account, platform = scripted(
        service("api"),
        service("checkout", latest=building, live=live),
        service("web", latest=failed, live=deployment("web-1", service="web", ago_s=90_000)),
        service("worker", Status.CRASHED),
        service("cron", Status.STOPPED, environment="staging"),
        service("gate", Status.NEEDS_APPROVAL, environment="staging"),
        service("docs", Status.SLEEPING, environment="staging"),
        service("queue", Status.QUEUED, environment="staging"),
        clock=clock,
    )
    checkout = platform.services[1].ref
    older = [
        deployment(f"h{n}", Status.SUPERSEDED, service="checkout", ago_s=7200 * (n + 2), message=f"chore: step {n}")
        for n in range(20)
    ]
    platform.history[checkout] = [building, live, *older]
    begun = NOW - timedelta(seconds=40)
    platform.taken[building.ref] = (
        Step("SNAPSHOT_CODE", Status.LIVE, begun, begun + timedelta(seconds=3)),
        Step("BUILD_IMAGE", Status.BUILDING, begun + timedelta(seconds=3)),
    )
    lines: list[LogEntry] = [
        LogLine(NOW - timedelta(seconds=200 - n), f"GET /items/{n} 200 in {n * 7 % 90} ms [ok]", _level(n))
        for n in range(200)
    ]
    lines.insert(150, LogGap(NOW - timedelta(seconds=50), "the platform dropped lines", 50))
    platform.log(platform.services[0].ref, LogKind.RUNTIME, lines)
    platform.log(
        checkout, LogKind.BUILD, [LogLine(NOW, "\x1b[36m#5\x1b[0m RUN npm ci"), LogLine(NOW, "added 812 packages")]
    )
    return account, platform


def _level(number: int) -> Level:
    return Level.ERROR if number % 17 == 0 else Level.WARN if number % 11 == 0 else Level.INFO


async def _api(pilot: Pilot[Any]) -> None:
    await sees(pilot, "worker", "GET /items/199")


def _keys(*keys: str, then: tuple[str, ...] = (), start: Before = _api) -> Before:
    return pressed(*keys, then=then, start=start)


async def _checkout(pilot: Pilot[Any]) -> None:
    await _api(pilot)
    await pilot.press("j")
    await sees(pilot, "build image", "812 packages", "replaced")


SCREENS: dict[str, Before] = {
    "board": _api,
    "rollout": _checkout,
    "paused": _keys("3", "g", then=("paused",)),
    "search": _keys("3", "slash", *"items/17", "enter", then=("/items/17 11 of 11",)),
    "failed-deployment": _keys("j", "j", then=("build failed",)),
    "actions": _keys("a", then=("Actions on api",)),
    "confirm-typed": _keys("S", then=("Stop api", "Type api")),
    "confirm-asked": _keys("j", "j", "j", "j", "R", then=("Redeploy cron",)),
    "rollback": _keys("B", then=("Roll back checkout",), start=_checkout),
    "help": _keys("question_mark", then=("next row",)),
    "deployment": _keys("2", "enter", then=("Deployment of checkout", "Steps"), start=_checkout),
    "audit-empty": _keys("A", then=("Nothing was done",)),
    "no-http-log": _keys("full_stop", then=("no HTTP log",)),
    "line": _keys("3", "k", "enter", then=("level",)),
    "zoomed-log": _keys("3", "z", then=("3 Logs",)),
}


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", SCREENS)
def test_screen(name: str, size: tuple[int, int], snap_compare: Compare) -> None:
    account, _ = world()
    assert snap_compare(shown(account), terminal_size=size, run_before=SCREENS[name])


def _loading(platform: ScriptedProvider, clock: FrozenClock) -> Before:
    platform.gate = asyncio.Event()
    return _keys(then=("Asking Scripted",), start=_nothing)


async def _nothing(pilot: Pilot[Any]) -> None:
    await pilot.pause()


def _empty(platform: ScriptedProvider, clock: FrozenClock) -> Before:
    platform.services = []
    return _keys(then=("has no services",), start=_nothing)


def _unauthorized(platform: ScriptedProvider, clock: FrozenClock) -> Before:
    platform.error = Unauthorized("Scripted does not know the token of prod.", remedy="Make a new one.")
    return _keys(then=("does not know",), start=_nothing)


def _stale(platform: ScriptedProvider, clock: FrozenClock) -> Before:
    async def before(pilot: Pilot[Any]) -> None:
        await _api(pilot)
        platform.error = Unreachable("Scripted does not answer.")
        platform.log_error = Unreachable("the socket was closed")
        clock.advance(200)
        await sees(pilot, "STALE", "shown as it was")
        platform.history_error = platform.error

    return before


def _log_cut(platform: ScriptedProvider, clock: FrozenClock) -> Before:
    platform.log_error = Unreachable("the socket was closed")
    return _keys(then=("worker", "reconnecting"), start=_nothing)


def _partly(platform: ScriptedProvider, clock: FrozenClock) -> Before:
    platform.problems = ("the environment pr-312 could not be read: it does not answer",)
    platform.unread = (Ref("prod", Kind.ENVIRONMENT, "pr-312"),)
    return _keys(then=("pr-312",))


def _refused(platform: ScriptedProvider, clock: FrozenClock) -> Before:
    platform.reply = Refused("Scripted refused: this job was already re-run.")

    async def before(pilot: Pilot[Any]) -> None:
        await _keys("j", "j", "j", "j", "R", then=("Redeploy cron",))(pilot)
        await pilot.press("y")
        await sees(pilot, "already re-run")

    return before


def _blocked(platform: ScriptedProvider, clock: FrozenClock) -> Before:
    platform.replace_service(service("api", latest=deployment("x", not_now={Verb.STOP: "it is not running"})))
    return _keys("S", then=("No stop of api",))


def _options(platform: ScriptedProvider, clock: FrozenClock) -> Before:
    platform.options[Verb.REDEPLOY] = {
        "ref": "the branch, tag or commit; without it what is deployed now",
        "variables": "KEY=VALUE, separated by commas",
    }
    platform.set_handlers()

    async def before(pilot: Pilot[Any]) -> None:
        await _keys("j", "j", "j", "j", "R", then=("Redeploy cron",))(pilot)
        await armed(pilot)
        await pilot.press("o")
        await armed(pilot, OptionsSheet)
        await pilot.press(*"main")
        await sees(pilot, "Options of redeploy cron")

    return before


def _approval(platform: ScriptedProvider, clock: FrozenClock) -> Before:
    rules = (
        ApprovalRule("release-managers", 2, (Approval("Mei Tanaka", True, NOW, "checked the migration"),)),
        ApprovalRule("Maintainers", 1),
    )
    waiting = deployment("wait", Status.NEEDS_APPROVAL, service="gate", ago_s=660, message="Settle in batches of 500")
    gate = service("gate", Status.NEEDS_APPROVAL, environment="staging", latest=replace(waiting, approvals=rules))
    platform.replace_service(gate)
    return _keys("slash", *"gate", "enter", "a", "y", then=("Approve gate", "waits for 2 more"))


def _page(platform: ScriptedProvider, latest: Deployment, *steps: Step, then: str) -> Before:
    """The page of web's newest deployment, before which four took a minute and a quarter each."""
    live = deployment("w0", service="web", ago_s=9000)
    older = [deployment(f"w{n}", Status.SUPERSEDED, service="web", ago_s=9000 * (n + 1)) for n in (1, 2, 3)]
    platform.replace_service(service("web", latest.status, latest=latest, live=latest if latest.is_live else live))
    platform.history[live.service] = [latest, live, *older]
    platform.taken[latest.ref] = steps
    opened = _keys("slash", *"web", "enter", "2", "enter", then=("Deployment of web", then))

    async def before(pilot: Pilot[Any]) -> None:
        await opened(pilot)
        page = pilot.app.screen
        assert isinstance(page, DeploymentScreen)
        await until(pilot, lambda: "tells only the commit" in page.text().plain, "what it brought")
        await until(pilot, lambda: all(step.name in _told(page) for step in steps), "its steps")
        if has_served(latest) or latest.status.bad:
            await until(pilot, lambda: page.engine.reviews.of(latest.ref), "its review")
        page.reread()
        await pilot.pause()

    return before


def _told(page: DeploymentScreen) -> str:
    return page.text().plain.upper().replace(" ", "_")


def _steps(failed: bool) -> tuple[Step, ...]:
    begun = NOW - timedelta(seconds=100)
    end = begun + timedelta(seconds=80) if failed else None
    status = Status.FAILED if failed else Status.BUILDING
    error = "The build did not succeed." if failed else ""
    build = Step("BUILD_IMAGE", status, begun + timedelta(seconds=8), end, error=error)
    return Step("SNAPSHOT_CODE", Status.LIVE, begun, begun + timedelta(seconds=8)), build


def _page_failed(platform: ScriptedProvider, clock: FrozenClock) -> Before:
    bad = deployment("bad", Status.FAILED, service="web", ago_s=100, took_s=80, note="build failed: exit code 1")
    said = [f"#{n} [build {n}/9] RUN make part-{n}" for n in range(9)]
    said += ["src/cart.ts:41:7 - \x1b[31merror\x1b[0m TS2304: Cannot find name 'totl'.", "", "41   return totl(items)"]
    said += ["Found 1 error.", '\x1b[31mERROR:\x1b[0m process "make" did not complete: exit code: 2']
    platform.log(bad.service, LogKind.BUILD, [LogLine(NOW, line, deployment="bad") for line in said])
    return _page(platform, bad, *_steps(True), then="first error")


def _page_crashed(platform: ScriptedProvider, clock: FrozenClock) -> Before:
    bad = deployment("bad", Status.CRASHED, service="web", ago_s=300, note="2/2 replicas crashed", is_live=True)
    said = ["Starting Container", "connecting to smtp.acme.example:587", "Traceback (most recent call last):"]
    said += ['  File "/app/mailer.py", line 41, in <module>', "    main()", "KeyError: 'SMTP_SIGNING_KEY'"]
    lines = [LogLine(NOW, line, deployment="bad") for line in [*said, "Stopping Container", *said]]
    platform.log(bad.service, LogKind.RUNTIME, lines)
    return _page(platform, bad, then="first error")


def _page_in_flight(platform: ScriptedProvider, clock: FrozenClock) -> Before:
    building = deployment("new", Status.BUILDING, service="web", ago_s=100)
    return _page(platform, building, *_steps(False), then="so far")


def _page_waits(platform: ScriptedProvider, clock: FrozenClock) -> Before:
    rules = (ApprovalRule("release-managers", 2, (Approval("Mei Tanaka", True, NOW, "checked the migration"),)),)
    waiting = deployment(
        "wait", Status.NEEDS_APPROVAL, service="web", ago_s=660, took_s=None, message="Settle in batches of 500"
    )
    return _page(platform, replace(waiting, approvals=rules), then="Mei Tanaka approved")


STATES = {
    "page-failed": _page_failed,
    "page-crashed": _page_crashed,
    "page-in-flight": _page_in_flight,
    "page-waits": _page_waits,
    "options": _options,
    "approval": _approval,
    "loading": _loading,
    "empty": _empty,
    "unauthorized": _unauthorized,
    "stale": _stale,
    "log-cut": _log_cut,
    "partly": _partly,
    "refused": _refused,
    "blocked": _blocked,
}


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", STATES)
def test_state(name: str, size: tuple[int, int], snap_compare: Compare) -> None:
    clock = FrozenClock()
    account, platform = world(clock)
    before = STATES[name](platform, clock)
    assert snap_compare(shown(account, clock=clock), terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_first_run(size: tuple[int, int], snap_compare: Compare) -> None:
    assert snap_compare(shown(), terminal_size=size)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_four_accounts(size: tuple[int, int], snap_compare: Compare) -> None:
    """Told apart by account; one of them fails."""
    clock = FrozenClock()
    railway, _ = scripted(
        service("api", account="railway"),
        service("emails", Status.CRASHED, account="railway"),
        account="railway",
        clock=clock,
    )
    gitlab, _ = scripted(
        service("web", account="gitlab", project="acme/payments"),
        service("settlement", Status.NEEDS_APPROVAL, account="gitlab", project="acme/payments"),
        account="gitlab",
        clock=clock,
    )
    cloud66, _ = scripted(service("storefront", account="cloud66", project="outlet"), account="cloud66", clock=clock)
    dokploy, platform = scripted(account="dokploy", clock=clock)
    platform.error = Unauthorized("Account dokploy: Dokploy does not accept the key.", remedy="Make an API key.")
    before = _keys(then=("settlement", "storefront", "does not accept", "Opening the runtime log"), start=_nothing)
    accounts = (railway, gitlab, cloud66, dokploy)
    assert snap_compare(shown(*accounts, clock=clock), terminal_size=size, run_before=before)


def test_read_only(snap_compare: Compare) -> None:
    account, _ = world()
    assert snap_compare(shown(account, read_only=True), terminal_size=(120, 40), run_before=_keys(then=("READ-ONLY",)))
