"""What GitLab's refusals become: by status, by the shape of the body, and by whether something was to be changed."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from starlette.responses import JSONResponse, Response

from tests.clocks import FakeClock
from tests.providers.gitlab_server import deployment, gitlab, the_service, world
from tests.providers.loopback import Ledger
from tui.model.action import Intent, Verb
from tui.model.errors import Forbidden, NotFound, OutcomeUnknown, ProviderError, RateLimited, Refused, Unreachable

RETRY = "POST projects/7/jobs/641/retry"
LIST = "GET projects/7/deployments"


async def refused(answer: Response, name: str = LIST) -> ProviderError:
    """What a redeploy, or the reading of a timeline, raises when it is answered so."""
    async with gitlab(server := world(deployment(41)), clock=FakeClock()) as provider:
        service = await the_service(provider)
        server.answers[name] = answer
        redeploy = Intent("i1", Verb.REDEPLOY, service)
        asked = provider.deployments(service) if name == LIST else provider.handlers[Verb.REDEPLOY].run(redeploy)
        with pytest.raises(ProviderError) as raised:
            await asked
    return raised.value


@pytest.mark.parametrize("status", [408, 499, 500, 502, 503, 504, 520])
@pytest.mark.parametrize("body", ['{"message": "%d Gateway"}', "<html><title>nginx</title></html>", ""])
async def test_an_answer_from_between_after_a_mutation_leaves_its_outcome_unknown(status: int, body: str) -> None:
    answer = Response(body.replace("%d", str(status)), status, media_type="application/json")
    assert isinstance(await refused(answer, RETRY), OutcomeUnknown)


@pytest.mark.parametrize("status", [408, 499, 500, 502, 503, 504])
async def test_the_same_while_reading_is_tried_again(status: int) -> None:
    error = await refused(JSONResponse({"message": f"{status} Something broke"}, status))
    assert isinstance(error, Unreachable)
    assert not isinstance(error, OutcomeUnknown)
    assert "(Something broke)" in error.message


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"message": "400 Bad request - no such thing"}, "no such thing"),
        (
            {"message": {"ref": ["is unknown", "is odd"], "base": ["Nothing runs"]}},
            "ref: is unknown, is odd; Nothing runs",
        ),
        ({"message": [["deep", {"a": {"b": "c"}}]]}, "deep, a: b: c"),
        ({"error": {"message": "inside"}}, "inside"),
        (["one", {"message": "two"}], "one, two"),
        ("only text", "only text"),
        ({"detail": "elsewhere"}, "detail: elsewhere"),
        ({}, "Bad Request"),
        ([], "Bad Request"),
        ({"message": None, "error": 0}, "Bad Request"),
    ],
)
@pytest.mark.parametrize("name", [LIST, RETRY])
async def test_a_body_of_any_shape_is_told_in_its_words(body: object, words: str, name: str) -> None:
    error = await refused(JSONResponse(body, 400), name)
    assert isinstance(error, Refused)
    assert error.message == f"Account work: GitLab refused: {words}."


@pytest.mark.parametrize(
    "status", [400, 401, 402, 403, 404, 405, 406, 409, 410, 412, 413, 418, 422, 423, 451, 500, 503]
)
async def test_no_message_has_json_a_class_or_a_bare_code(status: int) -> None:
    body: object
    for body in ({"message": f"{status} Not so fast"}, {"message": {"x": [1]}}, {"error": f"{status} No"}, {"a": [{}]}):
        error = await refused(JSONResponse(body, status))
        assert not set('{}["]') & set(error.message), error.message
        assert str(status) not in error.message, error.message
        assert not re.search("NoRoute|NotFound|RateLimited|UnexpectedReply|OutcomeUnknown", str(error))


async def test_refusals_are_sorted_by_what_can_be_done() -> None:
    for status, kind in ((403, Forbidden), (404, NotFound), (410, NotFound), (409, Refused), (418, Refused)):
        assert type(await refused(JSONResponse({"message": f"{status} Forbidden"}, status))) is kind


async def test_a_pause_of_a_day_is_a_day() -> None:
    meter, clock = Ledger(), FakeClock()
    answer = Response("", 429, {"retry-after": "86400"})
    async with gitlab(world(answers={LIST: answer}), meter=meter, clock=clock) as provider:
        with pytest.raises(RateLimited) as raised:
            await provider.snapshot()
    assert raised.value.retry_at - clock.now() == timedelta(days=1)
    assert meter.told[-1]["retry_at"] == raised.value.retry_at
