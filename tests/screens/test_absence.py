"""What the screen calls absent: only of accounts that were read whole, by this session, just now."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from tests.entities import NOW, deployment, ref, service
from tests.screens.running import running, screen_text, sees
from tests.scripted import FrozenClock, scripted
from tui.model.entities import Kind, Service
from tui.model.errors import (
    Forbidden,
    NotFound,
    ProviderError,
    RateLimited,
    Refused,
    Unauthorized,
    UnexpectedReply,
    Unreachable,
)
from tui.model.status import Status
from tui.model.words import clock_time
from tui.screens.words import why

ODD = ("1 row of the services could not be read.",)
DOUBT = "A newer deployment of api could not be read."


def bare(name: str = "api") -> Service:
    """Without any deployment."""
    return replace(service(name), latest=None, live=None)


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (120, 40)])
async def test_nothing_failing_is_said_of_what_was_read_only(size: tuple[int, int]) -> None:
    account, platform = scripted(service("api"))
    async with running(account, size=size) as (app, pilot):
        await sees(pilot, "✓ nothing failing", "● prod")
        platform.problems = ODD
        app.engine.refresh()
        await sees(pilot, "◐ prod incomplete", "●◐ prod")
        assert "✓" not in screen_text(app).partition("\n")[0]
        platform.problems = ()
        app.engine.refresh()
        await sees(pilot, "✓ nothing failing", "● prod")


async def test_an_environment_that_did_not_answer_makes_the_account_incomplete() -> None:
    account, platform = scripted(service("api"))
    async with running(account) as (app, pilot):
        await sees(pilot, "✓ nothing failing")
        platform.unread = (ref(Kind.ENVIRONMENT, "staging"),)
        app.engine.refresh()
        await sees(pilot, "◐ prod incomplete · nothing failing in what was read", "in part")


async def test_an_account_that_is_still_loading_or_failed_takes_the_calm_word_away() -> None:
    good, _ = scripted(service("api"))
    silent, platform = scripted(account="other")
    platform.error = Unreachable("Scripted does not answer.")
    third, waiting = scripted(account="third")
    waiting.error = platform.error
    async with running(good, silent, third) as (_, pilot):
        await sees(pilot, "2 accounts incomplete · nothing failing in what was read")


async def test_an_old_picture_says_its_age_with_the_calm_word() -> None:
    clock = FrozenClock()
    account, platform = scripted(service("api"), clock=clock)
    async with running(account, clock=clock) as (app, pilot):
        await sees(pilot, "✓ nothing failing")
        platform.error = Unreachable("Scripted does not answer.")
        clock.advance(240)
        app.engine.refresh()
        await sees(pilot, "◐ prod as of 4m ago · nothing failing in what was read")


async def test_what_fails_may_not_be_all_that_fails() -> None:
    account, platform = scripted(service("api", Status.CRASHED))
    platform.problems = ODD
    async with running(account) as (_, pilot):
        await sees(pilot, "✗ 1+ failing api", "1+ ")


async def test_a_service_in_doubt_is_unknown_and_says_why() -> None:
    account, _ = scripted(replace(service("api"), doubt=DOUBT))
    async with running(account, size=(200, 50)) as (app, pilot):
        await sees(pilot, "? 1 unknown api", "api  A newer dep", "unknown")
        assert "nothing failing" not in screen_text(app)
        assert app.engine.attention.alerts() == ()
        await pilot.press("2", "enter")
        await sees(pilot, "Deployment of api", f"in doubt   {DOUBT}")


async def test_a_narrow_row_in_doubt_keeps_its_name() -> None:
    account, _ = scripted(replace(service("api"), doubt=DOUBT))
    async with running(account, size=(80, 24)) as (_, pilot):
        await sees(pilot, "? api ", "unknown")


async def test_the_next_alert_is_none_of_what_was_read() -> None:
    account, platform = scripted(service("api"), replace(service("web"), doubt=DOUBT))
    async with running(account) as (app, pilot):
        await sees(pilot, "api")
        await pilot.press("e")
        await sees(pilot, "No service that was read fails or waits for approval · not known: web.")
        platform.problems = ODD
        app.engine.refresh()
        await sees(pilot, "in part")
        await pilot.press("!")
        await sees(pilot, "prod incomplete · not known: web.")


async def test_never_deployed_is_said_only_where_its_timeline_was_read_whole() -> None:
    account, platform = scripted(bare())
    async with running(account) as (app, pilot):
        await sees(pilot, "api was never deployed. a d deploys it.")
        platform.problems = ODD
        app.engine.refresh()
        await sees(pilot, "No deployment of api in what was read · prod", "incomplete.")


async def test_a_timeline_whose_rows_cannot_be_read_says_so() -> None:
    account, platform = scripted(bare("api"), service("web"))
    platform.odd_rows = ("1 row of the deployments could not be read.",)
    async with running(account) as (_, pilot):
        await sees(pilot, "No deployment of api could be read.", "1 row of the deployments could not be read.")
        await pilot.press("j")
        await sees(pilot, "some not read 1+", "! 1 row of the deployments could not be read.", "live")


async def test_a_service_in_doubt_without_a_deployment_was_not_never_deployed() -> None:
    account, _ = scripted(replace(bare(), doubt=DOUBT))
    async with running(account) as (app, pilot):
        await sees(pilot, "No deployment of api could be read.", DOUBT)
        assert "never" not in screen_text(app)


async def test_no_services_is_said_only_of_an_account_that_was_read_whole() -> None:
    clock = FrozenClock()
    account, platform = scripted(clock=clock)
    async with running(account, clock=clock) as (app, pilot):
        await sees(pilot, "prod has no services that this token sees.")
        platform.error = Unreachable("Scripted does not answer.")
        clock.advance(240)
        app.engine.refresh()
        await sees(pilot, "prod: shown as it was 4m ago.")
        assert "no services" not in screen_text(app)


async def test_no_change_in_the_last_hour_is_said_of_what_was_read() -> None:
    old = deployment("d1", ago_s=9000)
    account, platform = scripted(service("api", latest=old, live=old))
    async with running(account) as (app, pilot):
        await sees(pilot, "api")
        await pilot.press("1", "M")
        await sees(pilot, "No service changed in the last hour.")
        platform.problems = ODD
        app.engine.refresh()
        await sees(pilot, "in part")
        await pilot.press("M")
        await sees(pilot, "No service that was read changed in the last hour · prod incomplete.")


async def test_the_timeline_of_everything_says_what_it_does_not_have() -> None:
    account, platform = scripted(service("api"))
    platform.problems = ODD
    platform.odd_rows = ("1 row of the deployments could not be read.",)
    async with running(account) as (_, pilot):
        await sees(pilot, "api")
        await pilot.press("4")
        await sees(pilot, "1 service, 1 deployment · prod incomplete", "not all of its past could be read")
        await pilot.press("slash", *"zzz", "enter")
        await sees(pilot, "No service that was read has 'zzz' in its path · prod incomplete.")


async def test_what_came_before_a_time_says_which_accounts_are_incomplete() -> None:
    account, platform = scripted(service("api"))
    platform.problems = ODD
    async with running(account) as (_, pilot):
        await sees(pilot, "api")
        await pilot.press("@", *"-10m", "enter")
        await sees(pilot, "Before", "! prod incomplete", "all 1 known service")


async def test_rollback_of_an_unread_timeline_claims_no_absence() -> None:
    account, platform = scripted(service("api"))
    platform.odd_rows = ("1 row of the deployments could not be read.",)
    async with running(account) as (_, pilot):
        await sees(pilot, "some not read")
        await pilot.press("B")
        await sees(pilot, "No rollback of api: no earlier deployment in what was read · 1 row")


async def test_a_timeline_that_failed_says_what_happened_and_when_it_is_tried_again() -> None:
    account, platform = scripted(service("api"))
    platform.history_error = RateLimited("Scripted's limit is used up.", retry_at=NOW + timedelta(hours=30))
    async with running(account) as (app, pilot):
        again = clock_time(platform.history_error.retry_at, NOW)
        assert " " in again, "it names the day"
        await sees(pilot, f"not read: rate limited, retrying at {again}")
        assert "RateLimited" not in screen_text(app)


async def test_a_rate_limit_that_ends_another_day_says_which() -> None:
    account, platform = scripted(service("api"))
    platform.error = RateLimited("Scripted's limit is used up.", retry_at=NOW + timedelta(hours=30))
    async with running(account) as (_, pilot):
        await sees(pilot, "Scripted's limit is used up. Tried again", f"at {clock_time(platform.error.retry_at, NOW)}.")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Unreachable("Scripted does not answer."), "no answer"),
        (Unauthorized("Scripted refuses the key."), "access refused"),
        (Forbidden("The key may not read this."), "not allowed"),
        (NotFound("It is gone."), "not found"),
        (Refused("Scripted says no."), "refused"),
        (UnexpectedReply("Scripted answered HTML."), "unreadable answer"),
        (ProviderError("prod: a fault inside deckwatch stopped this request."), "a fault inside deckwatch"),
    ],
)
def test_no_error_is_told_by_the_name_of_its_class(error: ProviderError, said: str) -> None:
    assert why(error, NOW) == f"{said}, retrying"
