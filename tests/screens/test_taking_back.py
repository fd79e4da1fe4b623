"""What the board says and asks after an action: its line, its way back, several at once, an earlier session's."""

from __future__ import annotations

import socket
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from textual.pilot import Pilot

from tests.entities import NOW, deployment, service
from tests.screens.running import app_of, armed, running, screen_text, sees, until
from tests.scripted import FrozenClock, ScriptedProvider, engine_of, scripted
from tui.engine.audit import ActionPhase, AuditEntry, AuditLog
from tui.engine.engine import Account
from tui.model.action import Danger, Verb
from tui.model.errors import OutcomeUnknown, Refused
from tui.model.status import Status
from tui.screens.confirm import ConfirmScreen
from tui.screens.confirm_many import ConfirmManyScreen
from tui.screens.options import OptionsSheet

SIZES = [(80, 24), (120, 40), (200, 50)]


def three(environment: str = "staging") -> tuple[Account, ScriptedProvider]:
    return scripted(*(service(name, environment=environment) for name in ("api", "cron", "web")))


async def mark_all(pilot: Pilot[Any]) -> None:
    await sees(pilot, "api", "cron", "web")
    await pilot.press("m", "j", "m", "j", "m")
    await sees(pilot, "3 services in one log")


# The reason


@pytest.mark.parametrize("keys", [("r",), ("ctrl+r",)])
async def test_a_reason_is_typed_in_the_question_and_stands_in_the_audit(keys: tuple[str, ...]) -> None:
    account, platform = scripted(service("api", environment="staging"))
    async with running(account) as (app, pilot):
        await sees(pilot, "api")
        await pilot.press("T")
        await armed(pilot)
        await pilot.press(*keys)
        await armed(pilot, OptionsSheet)
        await pilot.press(*"500s", "enter")
        await armed(pilot)
        await sees(pilot, "reason     500s")
        assert platform.performed == []
        await pilot.press("y")
        await until(pilot, lambda: platform.performed)
        assert platform.performed[0].reason == "500s"
        assert app.engine.audit.read()[0].reason == "500s"
        await pilot.press("A", "G", "enter")
        await sees(pilot, "Restart api", "reason     500s", "asked")


# Taking back


async def test_where_nothing_was_done_nothing_is_taken_back() -> None:
    account, _ = three()
    async with running(account) as (_, pilot):
        await sees(pilot, "api")
        await pilot.press("U")
        await sees(pilot, "Nothing was done from here that could be taken back.")


async def test_a_restart_has_no_way_back_and_says_so_and_offers_none() -> None:
    account, _ = scripted(service("api", environment="staging"))
    async with running(account) as (app, pilot):
        await sees(pilot, "api")
        await pilot.press("T")
        await armed(pilot)
        await pilot.press("y")
        await until(pilot, lambda: app.engine.actions.recent and app.engine.actions.recent[0].ended_at, timeout_s=15)
        await sees(pilot, "✓ restart api")
        assert "takes it back" not in screen_text(app)
        await pilot.press("U")
        await sees(pilot, "No way back from restart of api: a restart changes nothing that could be put back.")
        assert not isinstance(app.screen, ConfirmScreen)


async def test_an_answer_to_a_key_is_not_cut_by_what_goes_on() -> None:
    account, platform = scripted(service("api", environment="staging"))
    async with running(account, size=(80, 24)) as (_, pilot):
        await sees(pilot, "api")
        platform.reply = Refused("It is being moved to another region, and will be there in a minute or two.")
        await pilot.press("R")
        await armed(pilot)
        await pilot.press("y")
        await sees(pilot, "✗ redeploy api: It is being moved")
        await pilot.press("U")
        await sees(pilot, "No way back from redeploy of api: it was refused, so that there is nothing")


async def test_an_action_of_the_audit_is_taken_back_from_there() -> None:
    account, platform = scripted(service("api", environment="staging"))
    api = platform.services[0]
    assert api.live is not None
    old = deployment("old", Status.SUPERSEDED, ago_s=9000)
    platform.history[api.ref] = [api.live, old]
    async with running(account) as (app, pilot):
        await sees(pilot, "replaced")
        app.engine.audit.append(_line(ActionPhase.FINAL, service=api.ref, before=old.ref, made=api.live.ref, ok=True))
        await pilot.press("A")
        await sees(pilot, "U takes it back", "final")
        await pilot.press("U")
        await sees(pilot, "Rollback api", "takes back redeploy of api", "Type api to rollback it:")
        assert platform.performed == []


# What is under way


async def test_a_lost_answer_is_said_to_be_watched_on_the_row_and_at_the_bottom() -> None:
    account, platform = scripted(service("api", environment="staging"))
    platform.reply = OutcomeUnknown("Scripted did not answer in time.")
    async with running(account) as (_, pilot):
        await sees(pilot, "api")
        await pilot.press("R")
        await armed(pilot)
        await pilot.press("y")
        await sees(pilot, "? redeploy api: unknown: the answer was lost; watching", "redeploy unknown")


async def test_of_several_under_way_the_newest_is_told_and_how_many_more() -> None:
    account, platform = three()
    platform.reply = OutcomeUnknown("Scripted did not answer in time.")
    async with running(account) as (_, pilot):
        await sees(pilot, "api", "cron", "web")
        for _ in range(3):
            await pilot.press("T")
            await armed(pilot)
            await pilot.press("y")
            await sees(pilot, "the answer was lost")
            await pilot.press("j")
        await sees(pilot, "restart web: unknown", "+2")


# Several


@pytest.mark.parametrize("size", SIZES)
async def test_one_question_for_several_lists_each_and_a_yes_does_all(size: tuple[int, int]) -> None:
    account, platform = three()
    async with running(account, size=size) as (_, pilot):
        await mark_all(pilot)
        await pilot.press("*")
        await sees(pilot, "Actions on 3 marked services", "3 can", "none can: Scripted has no start")
        await pilot.press("t")
        await sees(pilot, "Restart 3 services", "all 3 marked", "[ Keep (esc) ]", "y does it")
        await armed(pilot)
        await pilot.press("pagedown", "pagedown")
        await sees(pilot, "Scripted will restart web.")
        await pilot.press("y")
        await until(pilot, lambda: len(platform.performed) == 3)
        await sees(pilot, "✓ restart 3/3 done", timeout_s=20)


async def test_of_several_the_greatest_danger_counts_and_their_number_is_typed() -> None:
    account, platform = scripted(service("api", environment="staging"), service("web", environment="production"))
    async with running(account) as (_, pilot):
        await sees(pilot, "api", "web")
        await pilot.press("m", "j", "m", "*", "t")
        await sees(pilot, "PRODUCTION", "Type 2, their number, to restart them:")
        await armed(pilot)
        await pilot.press("y", "enter")
        await pilot.pause()
        assert platform.performed == []
        await pilot.press("backspace", "2", "enter")
        await until(pilot, lambda: len(platform.performed) == 2)


async def test_an_effect_that_reaches_further_wants_their_number_too() -> None:
    account, platform = three()
    platform.danger = Danger.TYPE
    async with running(account) as (_, pilot):
        await mark_all(pilot)
        await pilot.press("*", "r")
        await sees(pilot, "Type 3, their number, to redeploy them:")


async def test_those_left_out_are_listed_with_their_reasons_and_the_gone_counted() -> None:
    account, platform = three()
    api, cron, web = platform.services
    assert cron.live is not None
    moved = replace(cron.live, not_now={Verb.RESTART: "It is being moved."})
    platform.services = [api, replace(cron, live=moved, latest=moved), web]
    async with running(account) as (app, pilot):
        await mark_all(pilot)
        platform.services = platform.services[:2]
        await until(pilot, lambda: app.engine.store.service(web.ref) is None)
        await pilot.press("*")
        await sees(pilot, "Actions on 3 marked services", "1 of them not shown", "1 can · 2 cannot: It is being moved.")
        await pilot.press("t")
        await sees(
            pilot, "Restart 1 service", "1 of 3 marked", "Left out: 2", "It is being moved.", "not there any more"
        )
        await sees(pilot, "not there any more", "1 of the marked are not shown")


async def test_without_marks_there_is_nothing_to_act_on_and_keys_are_said() -> None:
    account, _ = three()
    async with running(account) as (_, pilot):
        await sees(pilot, "api")
        await pilot.press("*")
        await sees(pilot, "No service is marked: m in the services marks one")


async def test_after_a_refusal_the_line_says_who_stopped_it_and_how_many_were_not_asked() -> None:
    account, platform = three()
    platform.reply = Refused("Scripted is busy.")
    async with running(account) as (app, pilot):
        app.engine.actions.at_once = 1
        await mark_all(pilot)
        await pilot.press("*", "r")
        await armed(pilot)
        await pilot.press("y")
        await sees(pilot, "✗ redeploy 0/3 done, stopped: api was refused, 2 not asked")
        assert len(platform.performed) == 1
        await pilot.press("A")
        await sees(pilot, "not asked: api was refused", "Scripted is busy.")


async def test_read_only_says_so_of_several_too() -> None:
    account, platform = three()
    async with running(account, read_only=True) as (app, pilot):
        await mark_all(pilot)
        await pilot.press("*")
        await sees(pilot, "none can: deckwatch runs read-only")
        await pilot.press("t", "enter")
        await pilot.pause()
        assert not isinstance(app.screen, ConfirmManyScreen)
        assert platform.performed == []


# What an earlier session left open


def _line(phase: ActionPhase, **more: object) -> AuditEntry:
    entry = AuditEntry(
        at=NOW - timedelta(minutes=9),
        user="ann",
        account="prod",
        verb="redeploy",
        target="prod/shop/staging/api",
        phase=phase,
        id="0123",
        session=f"{socket.gethostname()}:999999999:1",
    )
    return replace(entry, **more)


async def test_what_became_of_an_earlier_sessions_action_is_told_after_the_start() -> None:
    account, platform = scripted(service("api", environment="staging"))
    api = platform.services[0]
    made = deployment("new", Status.LIVE, ago_s=2300)
    platform.history[api.ref], platform.own = [made], {made.id}
    clock = FrozenClock()
    async with engine_of(account, clock=clock) as engine:
        engine.audit.append(_line(ActionPhase.ASKED, service=api.ref, at=NOW - timedelta(minutes=40)))
        app = app_of(engine)
        async with app.run_test(size=(120, 40)) as pilot:
            await sees(pilot, "✓ redeploy api of before: found live: deployment new")
            assert platform.performed == []
            await pilot.press("A", "enter")
            await sees(pilot, "looked at again: found live")
            clock.advance(600)
            await pilot.press("escape", "escape", "f5")
            await until(pilot, lambda: "of before" not in screen_text(app))


async def test_an_audit_that_cannot_be_read_is_not_called_empty(tmp_path: Path) -> None:
    account, _ = scripted(service("api", environment="staging"))
    audit = tmp_path / "audit.jsonl"
    audit.mkdir()
    async with engine_of(account, audit=AuditLog(audit)) as engine, app_of(engine).run_test(size=(200, 40)) as pilot:
        await sees(pilot, "api")
        await pilot.press("A")
        await sees(pilot, "What was done from here is not known.", "cannot be read")
        assert "Nothing was done" not in screen_text(pilot.app)
        audit.rmdir()
        audit.write_text("no line of ours\n")
        await pilot.press("escape", "A")
        await sees(pilot, "1 line of", "left out")
        assert "Nothing was done" not in screen_text(pilot.app)
