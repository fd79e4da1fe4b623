"""Cloud 66's lists in every form that they come in: nothing is cut without a word, whatever the pages say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.clocks import FakeClock
from tests.providers.cloud66_server import (
    DOCKER,
    RAILS,
    Answer,
    Call,
    Cloud66Server,
    Json,
    action,
    cloud66,
    container,
    deploying,
    deployment,
    docker,
    paged,
    refusal,
    service,
    stack,
    the_service,
    world,
)
from tests.shared import CASES, needs_cases
from tui.model.status import Status
from tui.providers.cloud66 import Cloud66Provider

LIST = f"GET stacks/{RAILS}/deployments"
ROWS = 95  # four pages


def listed(rows: list[Any], pagination: Any, *, count: str = "all", per_page: int = 30) -> Answer:  # noqa: ANN401
    """The list with that word on its pages. `count`: what stands beside the rows."""

    def answer(call: Call) -> Json:
        page = int(call.query.get("page", 1))
        shown = rows[(page - 1) * per_page : page * per_page]
        place = pagination(page) if callable(pagination) else pagination
        counted = {"all": {"count": len(rows)}, "page": {"count": len(shown)}, "none": {}}[count]
        return {"response": shown, **counted, "pagination": place}

    return answer


def in_pages(page: int, **more: Any) -> Json:  # noqa: ANN401
    return {"current": page, "per_page": 30, "count": ROWS, "pages": 4, **more}


FORMS: dict[str, tuple[Any, str]] = {
    "no next": (in_pages, "all"),
    "next null beside pages": (lambda page: in_pages(page, next=None), "all"),
    "text": (lambda page: {"next": str(page + 1) if page < 4 else None, "current": str(page), "pages": "4"}, "all"),
    "count only": (None, "all"),
    "count of the page": (None, "page"),
    "count in the pagination": (lambda page: {"current": page, "count": ROWS}, "none"),
    "nothing": (None, "none"),
    "nonsense": (lambda _: {"next": [], "pages": "x", "per_page": -1}, "none"),
    "only next": (lambda page: {"next": page + 1 if page < 4 else None}, "none"),
}


async def timeline(provider: Cloud66Provider) -> tuple[list[str], list[str]]:
    """Every deployment of the shop, page by page, and what was said beside them."""
    shop = await the_service(provider)
    seen: list[str] = []
    said: list[str] = []
    before: str | None = None
    for _ in range(20):
        page = await provider.deployments(shop, before)
        seen += [each.id for each in page.items]
        said += page.problems
        if (before := page.next) is None:
            return seen, said
    raise AssertionError("it does not end")


@pytest.mark.parametrize("form", FORMS)
async def test_every_stack_is_read_whatever_the_pages_say(form: str) -> None:
    rows = [stack(f"{i:032}", f"stack{i}") for i in range(ROWS)]
    server = world(*rows, answers={"GET stacks": listed(rows, *FORMS[form][:1], count=FORMS[form][1])})
    async with cloud66(server) as provider:
        snapshot = await provider.snapshot()
    assert len(snapshot.services) == ROWS
    assert snapshot.problems == ()
    assert len(server.named("GET stacks")) in (4, 5)


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("form", FORMS)
async def test_every_deployment_is_read_in_both_orders_whatever_the_pages_say(form: str, newest_first: bool) -> None:
    rows = [deployment(i + 1, is_live=i == ROWS - 2) for i in range(ROWS)]
    rows.sort(key=lambda row: row["id"], reverse=newest_first)
    server = world(stack(), answers={LIST: listed(rows, *FORMS[form][:1], count=FORMS[form][1])})
    async with cloud66(server) as provider:
        shop = await the_service(provider)
        seen, said = await timeline(provider)
    assert shop.latest is not None
    assert shop.live is not None
    assert (shop.latest.id, shop.live.id, shop.doubt) == ("95", "94", "")
    assert seen == [str(number) for number in range(ROWS, 0, -1)]
    assert said == []


@needs_cases
async def test_the_variants_that_were_seen_are_read_whole() -> None:
    variants = json.loads((CASES / "answers" / "C30-cloud66-pagination-variants.json").read_text("utf-8"))
    rows = [deployment(number, is_live=number == ROWS) for number in range(ROWS, 0, -1)]
    for name, first in variants.items():
        places = [first if first is None or page == 1 else _at(first, page) for page in range(1, 6)]
        server = world(stack(), answers={LIST: listed(rows, lambda page, places=places: places[page - 1])})
        async with cloud66(server) as provider:
            seen, _ = await timeline(provider)
        assert len(seen) == ROWS, name


def _at(first: Json, page: int) -> Json:
    """The word of the first page as a later one would have it."""
    place = {**first, "current": type(first["current"])(page)}
    if "next" in first:
        place["next"] = str(page + 1) if page < 4 else None
    return place


async def test_the_newest_page_of_a_list_that_comes_oldest_first_is_found_again_by_one_request() -> None:
    row = stack()
    rows = [deployment(i + 1, is_live=i == 79) for i in range(80)]
    server, clock = world(row, deployments={"shop": rows}), FakeClock()
    async with cloud66(server, clock=clock) as provider:
        await provider.snapshot()
        server.calls.clear()
        rows.append(deploying(81))
        row["last_activity_iso"] = "later"
        await clock.advance(20)
        shop = await the_service(provider)
        assert shop.latest is not None
        assert (shop.latest.id, shop.state) == ("81", Status.DEPLOYING)
        assert [call.query.get("page") for call in server.named(LIST)] == ["3", "2"]
        rows += [deployment(number) for number in range(82, 100)]
        row["last_activity_iso"] = "even later"
        await clock.advance(20)
        shop = await the_service(provider)
    assert shop.latest is not None
    assert shop.latest.id == "99"


async def test_a_running_action_is_found_in_a_list_that_comes_oldest_first() -> None:
    """An old page of actions would hide the deployment that waits."""
    actions = [action(number, ended=True) for number in range(1, 45)] + [action(45)]
    async with cloud66(world(stack(status=5), actions=actions)) as provider:
        shop = await the_service(provider)
    assert shop.latest is not None
    assert (shop.latest.id, shop.latest.status) == ("action-45", Status.QUEUED)


async def test_a_list_in_no_order_with_more_pages_is_in_doubt() -> None:
    rows = [deployment(number) for number in (5, 9, 1, *range(10, 60))]
    async with cloud66(world(stack(), deployments={"shop": rows})) as provider:
        snapshot = await provider.snapshot()
    assert snapshot.services[0].state is Status.UNKNOWN
    assert "in no order" in snapshot.problems[0]


async def test_a_list_in_no_order_on_one_page_is_put_in_order() -> None:
    rows = [deployment(number, is_live=number == 9) for number in (5, 9, 1)]
    async with cloud66(world(stack(), deployments={"shop": rows})) as provider:
        snapshot = await provider.snapshot()
    assert (snapshot.services[0].state, snapshot.problems) == (Status.LIVE, ())


async def test_a_server_that_does_not_page_is_not_read_over_and_over() -> None:
    rows = [deployment(number, is_live=number == 40) for number in range(40, 0, -1)]
    stacks = [stack(f"{i:032}", f"stack{i}") for i in range(40)]
    server = world(stack(), *stacks, answers={LIST: {"response": rows}})
    server.answers["GET stacks"] = {"response": [stack(), *stacks]}
    async with cloud66(server) as provider:
        snapshot = await provider.snapshot()
        seen, said = await timeline(provider)
    assert len(snapshot.services) == 41
    assert snapshot.problems == ()
    assert len(server.named("GET stacks")) == 4, "two pictures, each of a page and of the same again"
    assert (len(seen), said) == (40, [])
    assert len(server.named(LIST)) <= 5


async def test_pages_that_are_promised_and_come_empty_are_said_to_be_missing() -> None:
    rows = [stack(f"{i:032}", f"stack{i}") for i in range(30)]
    server = world(*rows, answers={"GET stacks": listed(rows, in_pages)})
    async with cloud66(server) as provider:
        snapshot = await provider.snapshot()
    assert len(snapshot.services) == 30
    assert snapshot.problems == ("Not all stacks could be read: Cloud 66 lists more than 30.",)


async def test_a_list_without_an_end_is_read_to_a_bound_and_that_is_said() -> None:
    server = world()

    def answer(call: Call) -> Json:
        page = int(call.query.get("page", 1))
        return {"response": [stack(f"{page:032}", f"stack{page}")], "pagination": {"next": page + 1, "current": page}}

    server.answers["GET stacks"] = answer
    server.answers[f"GET stacks/{1:032}/deployments"] = paged([])
    async with cloud66(server, "stack1") as provider:
        snapshot = await provider.snapshot()
    assert len(server.named("GET stacks")) == 200
    assert "Cloud 66 lists more than 200" in snapshot.problems[0]


async def test_a_full_last_page_without_a_following_one_is_the_end() -> None:
    """Some servers answer 404 where others answer an empty page."""
    rows = [deployment(number, is_live=number == 30) for number in range(30, 0, -1)]

    def answer(call: Call) -> Any:  # noqa: ANN401
        return refusal(404, "not_found") if "page" in call.query else {"response": rows}

    async with cloud66(world(stack(), answers={LIST: answer})) as provider:
        seen, _ = await timeline(provider)
    assert len(seen) == 30


async def test_services_that_fill_a_page_are_read_on() -> None:
    services = [service(f"s{number}", container(f"c{number}")) for number in range(45)]
    server = world(docker(), services=services)
    server.answers[f"GET stacks/{DOCKER}/services"] = listed(services, None, count="none")
    async with cloud66(server) as provider:
        provider.focus((await the_service(provider, "feeds")).ref)
        assert len((await the_service(provider, "feeds")).instances) == 45


def test_the_server_of_these_tests_pages_like_the_contract() -> None:
    answer = paged(list(range(ROWS)))(Call("GET", "x", {"page": "4"}, {}, None))
    assert (len(answer["response"]), answer["pagination"]["next"]) == (5, None)
    assert Cloud66Server().answers == {}
