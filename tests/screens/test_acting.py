from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace
from textual.events import Paste
from textual.widgets import Input

from tests.entities import NOW, deployment, service
from tests.screens.keyboard import type_ahead
from tests.screens.running import armed, running, screen_text, sees, until
from tests.scripted import ScriptedProvider, scripted
from tui.engine.engine import Account
from tui.model.action import Danger, Verb
from tui.model.entities import Approval, ApprovalRule
from tui.model.errors import OutcomeUnknown, Refused
from tui.model.status import Status
from tui.screens.confirm import ConfirmScreen
from tui.screens.options import OptionsSheet

SIZES = [(80, 24), (120, 40), (200, 50)]


@pytest.mark.parametrize("size", SIZES)
async def test_a_redeploy_is_asked_with_its_target_its_call_and_the_focus_on_keep(size: tuple[int, int]) -> None:
    account, platform = scripted(service("api", environment="staging"))
    async with running(account, size=size) as (_, pilot):
        await sees(pilot, "api")
        await pilot.press("R")
        await sees(
            pilot, "Redeploy api", "prod / shop / staging", 'redeploy(id: "api-1")', "[ Keep (esc) ]", "Scripted"
        )
        await armed(pilot)
        await pilot.press("enter")
        await sees(pilot, "Kept: nothing was done.")
        assert platform.performed == []


async def test_yes_does_it_once_and_the_board_tells_it() -> None:
    account, platform = scripted(service("api", environment="staging"))
    async with running(account) as (_, pilot):
        await sees(pilot, "api")
        await pilot.press("R")
        await armed(pilot)
        await pilot.press("y")
        await sees(pilot, "redeploy api")
        await until(pilot, lambda: platform.performed)
        await pilot.pause(0.2)
        assert [intent.verb for intent in platform.performed] == [Verb.REDEPLOY]


async def test_keys_meant_for_the_board_are_not_taken_for_an_answer() -> None:
    account, platform = scripted(service("api", environment="staging"))
    async with running(account) as (_, pilot):
        await sees(pilot, "api")
        type_ahead(pilot.app, "R", "y", "y", "enter")
        await armed(pilot)
        assert platform.performed == []


async def test_a_sheet_says_that_keys_do_not_count_yet_and_that_some_did_not() -> None:
    account, platform = scripted(service("api", environment="staging"))
    async with running(account) as (_, pilot):
        await sees(pilot, "api")
        type_ahead(pilot.app, "R", "y")
        await sees(pilot, "keys count once this is on your screen · esc back")
        await armed(pilot)
        await sees(pilot, "too early: press it again", "y does it")
        assert platform.performed == []
        await pilot.press("y")
        await until(pilot, lambda: platform.performed)


async def test_a_name_that_was_typed_too_early_is_not_half_there() -> None:
    account, platform = scripted(service("api"))
    async with running(account) as (_, pilot):
        await sees(pilot, "api")
        type_ahead(pilot.app, "R", *"api", "enter")
        pilot.app.post_message(Paste("api"))
        await armed(pilot)
        await sees(pilot, "typed too early: type it again")
        assert pilot.app.screen.query_one("#typed", Input).value == ""
        await pilot.press("enter")
        assert platform.performed == []
        await pilot.press(*"api", "enter")
        await until(pilot, lambda: platform.performed)


@pytest.mark.parametrize(("key", "verb"), [("S", Verb.STOP), ("R", Verb.REDEPLOY), ("T", Verb.RESTART)])
async def test_on_production_the_name_is_typed(key: str, verb: Verb) -> None:
    account, platform = scripted(service("api"))
    async with running(account) as (_, pilot):
        await sees(pilot, "api")
        await pilot.press(key)
        await armed(pilot)
        await sees(pilot, "PRODUCTION", f"Type api to {verb} it:")
        await pilot.press("y", "enter")
        await pilot.pause()
        assert platform.performed == []
        assert isinstance(pilot.app.screen, ConfirmScreen)
        await pilot.press("backspace", *"api", "enter")
        await until(pilot, lambda: platform.performed)
        assert platform.performed[0].verb is verb


@pytest.mark.parametrize("key", [k for k in "abcdefghijklmnopqrstuvwxyz" if k not in "aq"])
async def test_no_lower_case_letter_opens_a_sheet_that_acts(key: str) -> None:
    account, platform = scripted(service("api", environment="staging"))
    async with running(account) as (_, pilot):
        await sees(pilot, "api")
        await pilot.press(key)
        await pilot.pause()
        assert not isinstance(pilot.app.screen, ConfirmScreen)
        assert platform.performed == []


async def test_a_verb_the_platform_lacks_says_what_to_do_instead() -> None:
    account, _ = scripted(service("api", environment="staging"))
    async with running(account) as (_, pilot):
        await sees(pilot, "api")
        await pilot.press("a", "g")
        await sees(pilot, "Scripted has no start: use redeploy.")
        assert not isinstance(pilot.app.screen, ConfirmScreen)


async def test_the_menu_leads_to_the_same_sheet() -> None:
    account, _ = scripted(service("api", environment="staging"))
    async with running(account) as (_, pilot):
        await sees(pilot, "api")
        await pilot.press("a", "r")
        await sees(pilot, "Redeploy api")


async def test_rollback_asks_which_and_offers_the_last_good_one_first() -> None:
    account, platform = scripted(service("api", environment="staging"))
    api = platform.services[0]
    assert api.latest is not None
    old = deployment("aaa", Status.SUPERSEDED, ago_s=9000, message="good one")
    platform.history[api.ref] = [
        api.latest,
        deployment("bbb", Status.FAILED, ago_s=5000, message="broken one"),
        old,
        deployment("ccc", Status.REMOVED, ago_s=99000, not_now={Verb.ROLLBACK: "its image is gone"}),
    ]
    async with running(account) as (_, pilot):
        await sees(pilot, "good one")
        await pilot.press("B")
        await sees(pilot, "Roll back api to which deployment?", "last good", "its image is gone")
        await pilot.press("enter")
        await sees(pilot, "Rollback api", "from", "good one")
        await armed(pilot)
        await pilot.press(*"api", "enter")
        await until(pilot, lambda: platform.performed)
        assert platform.performed[0].deployment == old


async def test_with_nothing_to_go_back_to_a_rollback_says_so() -> None:
    account, platform = scripted(service("api"))
    platform.history_gate = asyncio.Event()
    async with running(account) as (_, pilot):
        await sees(pilot, "api", "reading …")
        await pilot.press("B")
        await sees(pilot, "No rollback of api: its deployments are being read")
        platform.history_gate.set()
        await until(pilot, lambda: "reading …" not in screen_text(pilot.app))
        await pilot.press("B")
        await sees(pilot, "No rollback of api: there is no earlier deployment to go back to")


async def test_when_the_service_changes_under_the_sheet_it_can_only_be_closed() -> None:
    account, platform = scripted(service("api", environment="staging"))
    api = platform.services[0]
    async with running(account) as (_, pilot):
        await sees(pilot, "api")
        await pilot.press("R")
        await armed(pilot)
        newer = deployment("new", Status.BUILDING, ago_s=1)
        platform.replace_service(service("api", environment="staging", latest=newer, live=api.live))
        await sees(pilot, "has a newer deployment since this was opened")
        await pilot.press("y", "tab", "enter")
        await pilot.pause()
        assert platform.performed == []


async def test_when_the_service_goes_while_the_sheet_is_open_nothing_is_done() -> None:
    account, platform = scripted(service("api", environment="staging"), service("web", environment="staging"))
    async with running(account) as (_, pilot):
        await sees(pilot, "api")
        await pilot.press("R")
        await armed(pilot)
        platform.services = platform.services[1:]
        await sees(pilot, "api is gone from prod since this was opened")
        await pilot.press("y")
        assert platform.performed == []


async def test_a_question_that_can_be_answered_again_is_asked_anew() -> None:
    account, platform = scripted(service("api"), service("web"))
    async with running(account) as (_, pilot):
        await sees(pilot, "api")
        await pilot.press("R")
        await armed(pilot)
        services = platform.services
        platform.services = services[1:]
        await sees(pilot, "api is gone from prod since this was opened")
        platform.services = services
        await sees(pilot, "keys count once this is on your screen")
        await armed(pilot)
        await pilot.press(*"api", "enter")
        await until(pilot, lambda: platform.performed)


async def test_a_refusal_is_told_in_the_platforms_words_on_the_board_and_in_the_audit() -> None:
    account, platform = scripted(service("api", environment="staging"))
    platform.reply = Refused("Scripted refused: this job was already re-run.")
    async with running(account) as (_, pilot):
        await sees(pilot, "api")
        await pilot.press("R")
        await armed(pilot)
        await pilot.press("y")
        await sees(pilot, "this job was already re-run")
        await pilot.press("A")
        await sees(pilot, "refused", "redeploy", "prod/shop/staging/api")


async def test_a_lost_reply_is_called_unknown_and_never_repeated() -> None:
    account, platform = scripted(service("api", environment="staging"))
    platform.reply = OutcomeUnknown("Scripted did not answer in time.")
    async with running(account) as (_, pilot):
        await sees(pilot, "api")
        await pilot.press("R")
        await armed(pilot)
        await pilot.press("y")
        await sees(pilot, "unknown")
        await pilot.pause(0.5)
        assert len(platform.performed) == 1


async def test_read_only_refuses_every_verb_before_a_sheet_opens() -> None:
    account, platform = scripted(service("api", environment="staging"))
    async with running(account, read_only=True) as (app, pilot):
        await sees(pilot, "api", "READ-ONLY")
        for key in ("R", "T", "S", "delete"):
            await pilot.press(key)
            await sees(pilot, "read-only: start it without --read-only")
            assert not isinstance(app.screen, ConfirmScreen)
        assert platform.performed == []


@pytest.mark.parametrize("size", SIZES)
async def test_help_names_keys_and_why_an_action_is_not_possible(size: tuple[int, int]) -> None:
    account, _ = scripted(service("api", not_now={Verb.DEPLOY: "nothing to deploy"}))
    async with running(account, size=size) as (_, pilot):
        await sees(pilot, "api")
        await pilot.press("question_mark")
        await sees(pilot, "next row or line")
        await pilot.press("G")
        await sees(pilot, "●")
        await pilot.press("q")
        assert "next row or line" not in screen_text(pilot.app)


# What the verb itself does not say


async def test_an_effect_that_reaches_further_than_its_verb_wants_the_name_typed() -> None:
    account, platform = scripted(service("api", environment="staging"))
    platform.danger = Danger.TYPE
    async with running(account) as (_, pilot):
        await sees(pilot, "api")
        await pilot.press("R")
        await armed(pilot)
        await sees(pilot, "Type api to redeploy it:")
        await pilot.press("y", "enter")
        await pilot.pause()
        assert platform.performed == []
        await pilot.press("backspace", *"api", "enter")
        await until(pilot, lambda: platform.performed)


def with_options(**options: str) -> tuple[Account, ScriptedProvider]:
    """A service whose redeploy has options of its own."""
    account, platform = scripted(service("api", environment="staging"))
    platform.options[Verb.REDEPLOY] = options
    platform.set_handlers()
    return account, platform


@pytest.mark.parametrize("size", SIZES)
async def test_a_verbs_own_options_are_filled_in_told_and_performed(size: tuple[int, int]) -> None:
    account, platform = with_options(ref="the branch to deploy", variables="KEY=VALUE, separated by commas")
    async with running(account, size=size) as (_, pilot):
        await sees(pilot, "api")
        await pilot.press("R")
        await armed(pilot)
        await sees(pilot, "not given: ref, variables", "ctrl+o options")
        await pilot.press("o")
        await sees(pilot, "Options of redeploy api", "the branch to deploy")
        await armed(pilot, OptionsSheet)
        await pilot.press(*"main", "tab", *"A=1", "enter")
        await armed(pilot)
        await sees(pilot, "ref        main", "variables  A=1", "ref: main, variables: A=1", "[ Keep (esc) ]")
        assert platform.performed == [], "enter in a field confirms nothing"
        await pilot.press("y")
        await until(pilot, lambda: platform.performed)
        assert platform.performed[0].options == {"ref": "main", "variables": "A=1"}


async def test_what_would_be_done_is_told_while_an_option_is_typed() -> None:
    account, platform = with_options(ref="the branch to deploy")
    async with running(account, size=(80, 24)) as (_, pilot):
        await sees(pilot, "api")
        await pilot.press("R")
        await armed(pilot)
        await pilot.press("o")
        await armed(pilot, OptionsSheet)
        await pilot.press(*"nowher")
        await sees(pilot, 'redeploy(id: "api-1", ref: nowher)')
        await pilot.press("e")
        await sees(pilot, "Scripted has no branch nowhere. Give another ref.")
        await pilot.press("backspace")
        await sees(pilot, 'redeploy(id: "api-1", ref: nowher)')
        assert platform.performed == []


async def test_letters_typed_into_an_option_are_never_an_answer() -> None:
    account, platform = with_options(ref="the branch to deploy")
    async with running(account) as (_, pilot):
        await sees(pilot, "api")
        await pilot.press("R")
        await armed(pilot)
        await pilot.press("o")
        await armed(pilot, OptionsSheet)
        type_ahead(pilot.app, *"yqy", "enter", "y", "y")  # ahead of the sheet behind, which waits again
        await armed(pilot)
        await sees(pilot, "ref        yqy")
        assert platform.performed == []


@pytest.mark.parametrize("keys", [("o",), ("ctrl+o",)])
async def test_a_verb_without_options_has_no_sheet_for_them(keys: tuple[str, ...]) -> None:
    account, _ = scripted(service("api", environment="staging"))
    async with running(account) as (_, pilot):
        await sees(pilot, "api")
        await pilot.press("R")
        await armed(pilot)
        await pilot.press(*keys)
        await pilot.pause()
        assert isinstance(pilot.app.screen, ConfirmScreen)
        assert "options" not in screen_text(pilot.app)


async def test_options_that_the_platform_cannot_make_anything_of_are_asked_for_again() -> None:
    account, platform = with_options(ref="the branch to deploy")
    async with running(account) as (_, pilot):
        await sees(pilot, "api")
        await pilot.press("R")
        await armed(pilot)
        await pilot.press("ctrl+o")
        await armed(pilot, OptionsSheet)
        await pilot.press(*"nowhere", "enter")
        await armed(pilot)
        await sees(pilot, "Scripted has no branch nowhere. Give another ref.", "[ Keep (esc) ]")
        await pilot.press("y")
        await pilot.pause()
        assert platform.performed == []
        await pilot.press("ctrl+o")
        await armed(pilot, OptionsSheet)
        await pilot.press("ctrl+u", *"main", "enter")
        await armed(pilot)
        await sees(pilot, "ref        main")
        await pilot.press("y")
        await until(pilot, lambda: platform.performed)


async def test_in_production_the_name_is_typed_after_the_options() -> None:
    account, platform = scripted(service("api"))
    platform.options[Verb.REDEPLOY] = {"ref": "the branch to deploy"}
    platform.set_handlers()
    async with running(account, size=(80, 24)) as (_, pilot):
        await sees(pilot, "api")
        await pilot.press("R")
        await armed(pilot)
        await pilot.press(*"ap", "ctrl+o")
        await armed(pilot, OptionsSheet)
        await pilot.press(*"main", "enter")
        await armed(pilot)
        await sees(pilot, "ref        main", "Type api to redeploy it:")
        await pilot.press("i", "enter")
        await pilot.pause()
        assert platform.performed == [], "what was typed before the options counts no more"
        await pilot.press("backspace", *"api", "enter")
        await until(pilot, lambda: platform.performed)
        assert platform.performed[0].options == {"ref": "main"}


async def test_leaving_the_options_leaves_them_as_they_were() -> None:
    account, platform = with_options(ref="the branch to deploy")
    async with running(account) as (_, pilot):
        await sees(pilot, "api")
        await pilot.press("R")
        await armed(pilot)
        await pilot.press("o")
        await armed(pilot, OptionsSheet)
        await pilot.press(*"main", "escape")
        await sees(pilot, "not given: ref")
        await pilot.press("escape")
        await sees(pilot, "Kept: nothing was done.")
        assert platform.performed == []


# Who must approve

RULES = (
    ApprovalRule("release-managers", 2, (Approval("Mei Tanaka", True, NOW, "checked the migration"),)),
    ApprovalRule("Maintainers", 1),
)


def waiting(*rules: ApprovalRule) -> tuple[Account, ScriptedProvider]:
    latest = replace(deployment("wait", Status.NEEDS_APPROVAL), approvals=rules)
    return scripted(service("api", Status.NEEDS_APPROVAL, environment="staging", latest=latest))


@pytest.mark.parametrize("size", SIZES)
async def test_who_must_approve_and_who_has_stands_in_the_timeline_and_in_the_question(size: tuple[int, int]) -> None:
    account, platform = waiting(*RULES)
    async with running(account, size=size) as (_, pilot):
        await sees(pilot, "approvals 1/3, waits for 2 more")
        await pilot.press("a", "y")
        await sees(
            pilot,
            "Approve api",
            "Approvals 1/3  waits for 2 more: release-managers 1, Maintainers 1",
            "○ release-managers  1 of 2",
            "Mei Tanaka approved 2026-08-22",
            ": checked the migration",
            "○ Maintainers  0 of 1",
        )
        await armed(pilot)
        await pilot.press("y")
        await until(pilot, lambda: platform.performed)
        assert platform.performed[0].verb is Verb.APPROVE


async def test_the_answer_stays_on_the_sheet_however_many_must_approve() -> None:
    account, _ = waiting(*(ApprovalRule(f"team-{number}", 1) for number in range(40)))
    async with running(account, size=(80, 24)) as (_, pilot):
        await sees(pilot, "api")
        await pilot.press("a", "y")
        await armed(pilot)
        await sees(pilot, "team-0 ", "[ Keep (esc) ]", "y does it")
        await pilot.press(*["pagedown"] * 6)
        await sees(pilot, "team-39", "[ Keep (esc) ]", "y does it")


async def test_an_approval_that_came_in_is_told_on_the_deployments_page() -> None:
    account, platform = waiting(*RULES)
    async with running(account) as (_, pilot):
        await sees(pilot, "waits for 2 more")
        await pilot.press("2", "enter")
        await sees(pilot, "(NEEDS_APPROVAL)  approvals 1/3", "○ Maintainers  0 of 1")
        refused = Approval("Ivo", False, NOW, "not on a Friday")
        latest = replace(
            deployment("wait", Status.NEEDS_APPROVAL),
            approvals=(RULES[0], replace(RULES[1], given=(Approval("Ada", True, NOW), refused))),
        )
        platform.history[platform.services[0].ref] = [latest]
        platform.replace_service(replace(platform.services[0], latest=latest))
        await sees(
            pilot,
            "approvals 2/3",
            "waits for 1 more: release-managers",
            "● Maintainers  1 of 1",
            "Ivo rejected 2026-08-22",
            ": not on a Friday",
        )


async def test_what_cannot_be_read_on_so_small_a_terminal_cannot_be_confirmed() -> None:
    account, platform = scripted(service("api", environment="staging"))
    async with running(account, size=(20, 5)) as (app, pilot):
        await until(pilot, lambda: app.board.service)
        await pilot.press("R")
        await armed(pilot)
        await pilot.press("y")
        await pilot.pause()
        assert isinstance(app.screen, ConfirmScreen)
        assert platform.performed == []
        await pilot.resize_terminal(60, 15)
        await sees(pilot, "Scripted will redeploy api.")
        await pilot.press("y")
        await until(pilot, lambda: platform.performed)


async def test_a_sheet_says_that_there_is_more_of_it_to_read() -> None:
    account, _ = scripted(service("api", environment="staging"))
    async with running(account, size=(60, 10)) as (_, pilot):
        await sees(pilot, "api")
        await pilot.press("R")
        await armed(pilot)
        await sees(pilot, "pgdn: more of it")
        await pilot.press("pagedown")
        await sees(pilot, "Scripted will redeploy api.")
        await until(pilot, lambda: "more of it" not in screen_text(pilot.app))
