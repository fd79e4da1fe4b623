"""Cloud 66's rows with anything in any field: nothing raises, no row is lost, and what has no identity is described."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import Response

from tests.clocks import START
from tests.providers import cloud66_server as server
from tests.providers.cloud66_server import DOCKER, RAILS, Json, cloud66, one, paged, the_service, world
from tui.model.entities import Kind, Ref
from tui.model.errors import ProviderError
from tui.model.log import LogGap, LogLine
from tui.model.status import Status
from tui.providers import values
from tui.providers.cloud66 import decode, doubts, evidence, inventory, pending, wire, words
from tui.providers.cloud66.decode import Place
from tui.providers.cloud66.faye import Frame
from tui.providers.cloud66.listing import Newest, Rows, following
from tui.providers.cloud66.log_lines import live_row, operation_lines
from tui.providers.cloud66.stacks import Stack, mark

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=[])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
HERE = Place(Ref("work", Kind.SERVICE, "uid"), live=107)


def a_stack(row: wire.StackRow, *rows: wire.DeploymentRow) -> Stack:
    stack = Stack("work", row)
    stack.put(Newest(Rows(wire.DeploymentRow, list(rows))), now=0.0, at=START)
    return stack


def of_stack(row: wire.StackRow) -> None:
    stack = a_stack(row)
    decode.stack_word(row)
    assert isinstance(decode.stack_status(row, serves=True), Status)
    assert decode.environment_name(row)
    assert decode.account_name(row)
    assert decode.account_id(row)
    decode.stack_url(row)
    decode.is_busy(row)
    pending.waiting(stack, START)
    assert mark(row) == mark(row)
    assert isinstance(doubts.doubt(stack), str)


def of_deployment(row: wire.DeploymentRow) -> None:
    shown = decode.deployment(row, HERE)
    stack = a_stack(wire.StackRow("uid"), row)
    assert inventory.shown(stack, START)[-1].id == shown.id
    evidence.own_deployments([row], answered=1, user="ada", revision="main")
    shown.duration_s(START)
    if decode.unclear(row):
        assert shown.status in (Status.UNKNOWN, Status.DEPLOYING)


def of_action(row: wire.ActionRow) -> None:
    stack = a_stack(wire.StackRow("uid", status=6))
    stack.actions = [row]
    pending.waiting(stack, START)
    pending.ended(stack, row, START)
    pending.succeeded(row)


def of_service(row: wire.ServiceRow) -> None:
    assert decode.of_services([row], "work")


def of_process(row: wire.ProcessRow) -> None:
    assert decode.of_processes([row], "work")


def of_line(row: wire.OperationLine) -> None:
    assert operation_lines(row, "108", "operation")


def of_accepted(row: wire.AcceptedRow) -> None:
    words.flag(row.ok)


KINDS: list[tuple[type[Any], Json, Callable[[Any], None]]] = [
    (wire.StackRow, server.stack(), of_stack),
    (wire.DeploymentRow, server.deployment(107), of_deployment),
    (wire.ActionRow, server.action(40), of_action),
    (wire.ServiceRow, server.service("web", server.container("web.one")), of_service),
    (wire.ProcessRow, {"name": "worker", "servers": {"Lion": 2}, "servers_pauses": {"Lion": 1}}, of_process),
    (wire.OperationLine, {"v": 2, "m": "text", "t": "2026-03-14T03:00:05Z", "s": None, "operation_uid": "x"}, of_line),
    (wire.AcceptedRow, {"id": 1, "ok": True, "message": "", "queued": True, "async_action_id": 2}, of_accepted),
    (wire.AccountRow, {"owner": "ops", "friendly_name": "Acme", "current_account": True}, lambda _: None),
]
IDENTITY: dict[type[Any], str] = {
    wire.StackRow: "uid",
    wire.DeploymentRow: "id",
    wire.ActionRow: "id",
    wire.ServiceRow: "name",
    wire.ProcessRow: "name",
}


@pytest.mark.parametrize(("kind", "row", "use"), KINDS, ids=[kind.__name__ for kind, _, _ in KINDS])
@given(data=st.data())
def test_a_row_with_anything_in_any_field_is_shown(
    kind: type[Any], row: Json, use: Callable[[Any], None], data: st.DataObject
) -> None:
    fields = data.draw(st.lists(st.sampled_from(kind.__struct_fields__), unique=True, min_size=1))
    hostile = {**row, **{field: data.draw(JSON) for field in fields}}
    try:
        text = json.dumps(hostile).encode()
    except UnicodeEncodeError:
        return
    (element,) = wire.elements(b"[" + text + b"]")
    items, odd = values.rows([element], kind)
    if IDENTITY.get(kind) not in fields:
        assert not odd
    assert len(items) + len(odd) == 1
    for each in items:
        use(each)


@given(JSON)
def test_a_container_is_whatever_its_service_lists(sent: Any) -> None:  # noqa: ANN401
    (child,) = decode.of_services([wire.ServiceRow("web", [sent])], "work")
    assert child.group == "web"
    assert child.instance.status is not Status.LIVE or isinstance(sent, dict)


@given(st.dictionaries(st.text(), JSON, max_size=3), JSON)
def test_no_process_is_lost_to_an_odd_number(servers: dict[str, Any], pauses: Any) -> None:  # noqa: ANN401
    found = decode.of_processes([wire.ProcessRow("worker", servers, pauses)], "work")
    assert len(found) == max(1, len(servers))


@given(JSON)
def test_a_pushed_message_is_a_line_or_a_gap(data: Any) -> None:  # noqa: ANN401
    row = live_row(data, "108")
    assert row.entries
    assert all(isinstance(each, LogLine | LogGap) for each in row.entries)


@given(st.dictionaries(st.sampled_from(["severity", "message", "time", "is_raw"]), JSON))
def test_a_pushed_line_is_never_lost(line: Json) -> None:
    (first, *_) = live_row(json.dumps(json.dumps(line)), "108").entries
    assert isinstance(first, LogGap) == (line.get("message") is None)


@given(st.dictionaries(st.sampled_from(["channel", "successful", "clientId", "error", "advice", "data"]), JSON))
def test_a_frame_is_read_whatever_its_fields_hold(frame: Json) -> None:
    assert values.convert(json.loads(json.dumps(frame)), Frame) is not None


@given(st.dictionaries(st.sampled_from(["response", "count", "pagination"]), JSON), st.integers(1, 50))
def test_an_envelope_is_opened_whatever_stands_beside_the_rows(envelope: Json, rows: int) -> None:
    envelope = {**envelope, "response": [{"id": number} for number in range(rows)]}
    payload, place = wire.unwrap(json.dumps(envelope).encode())
    assert len(wire.elements(payload)) == rows
    assert following(3, rows, place) in (None, 4)


@given(st.dictionaries(st.sampled_from(["next", "previous", "current", "pages", "per_page", "count"]), JSON))
def test_the_place_in_a_list_may_be_anything(pagination: Json) -> None:
    _, place = wire.unwrap(json.dumps({"response": [], "pagination": pagination}).encode())
    assert following(1, 30, place) in (None, 2)


@given(JSON)
def test_words_and_numbers_are_read_from_anything(value: Any) -> None:  # noqa: ANN401
    assert isinstance(words.word(value, words.OUTCOMES), str)
    assert words.flag(value) in (True, False, None)
    assert isinstance(words.text(value), str)
    words.code(value, words.STACK_CODES)


@pytest.mark.parametrize("value", [True, False, {"code": True}, 0.5, math.pi, [], {}, {"code": None}, "  "])
def test_what_is_no_code_is_no_success(value: object) -> None:
    assert words.word(value, words.OUTCOMES) == ""


HOSTILE: list[Any] = [
    None, True, False, 0, -1, 7, 2**70, 0.5, "", "x", "\x1b[2J", "\ud83d", "2014-08-14 00:38:14 UTC",
    "0001-01-01T00:00:00Z", [], [1], {}, {"code": []}, {"code": "x"},
]  # fmt: skip


async def test_a_whole_account_of_hostile_stacks_is_one_picture() -> None:
    """Every field of a stack with each of these values, over HTTP."""
    changed = [(field, value) for field in wire.StackRow.__struct_fields__[1:] for value in HOSTILE]
    clean = [server.stack(f"{i:032}", f"stack{i}") for i in range(len(changed))]
    stacks = [row | {field: value} for row, (field, value) in zip(clean, changed, strict=True)]
    playing = world(*clean, answers={"GET stacks": paged(stacks)})
    async with cloud66(playing) as provider:
        snapshot = await provider.snapshot()
        credential = await provider.check()
    clusters = sum(words.flag(each["is_cluster"]) is True for each in stacks)
    assert len(snapshot.services) == len(stacks) - clusters
    assert credential.sees.startswith(f"{len(stacks) - clusters} stacks of ")


@pytest.mark.parametrize("newest_first", [True, False])
async def test_a_timeline_of_hostile_rows_is_read_to_its_end(newest_first: bool) -> None:
    changed = [(field, value) for field in wire.DeploymentRow.__struct_fields__[1:] for value in HOSTILE]
    rows = [server.deployment(i + 1) | {field: value} for i, (field, value) in enumerate(changed)]
    rows.sort(key=lambda row: row["id"], reverse=newest_first)
    async with cloud66(world(server.stack(), deployments={"shop": rows})) as provider:
        shop = await the_service(provider)
        seen: list[str] = []
        before: str | None = None
        while True:
            page = await provider.deployments(shop, before)
            seen += [each.id for each in page.items]
            if (before := page.next) is None:
                break
    assert seen == [str(number) for number in range(len(rows), 0, -1)]


@pytest.mark.parametrize("path", ["deployments", "actions", "services", "processes"])
@pytest.mark.parametrize("body", [b'[1, null, "x", {}]', b'{"response": [{"id": NaN}], "count": {}}'])
async def test_lists_of_anything_cost_at_most_themselves(path: str, body: bytes) -> None:
    playing = world(server.stack(status=6), server.docker(status=6))
    for uid in (RAILS, DOCKER):
        playing.answers[f"GET stacks/{uid}/{path}"] = lambda _: Response(body, media_type="application/json")
    async with cloud66(playing) as provider:
        for name in ("shop", "feeds"):
            provider.focus((await the_service(provider, name)).ref)
            assert len((await provider.snapshot()).services) == 2


async def test_one_deployment_of_anything_is_itself_or_an_unexpected_reply() -> None:
    playing = world()
    async with cloud66(playing) as provider:
        shop = await the_service(provider)
        for value in HOSTILE:
            for field in wire.DeploymentRow.__struct_fields__[1:]:
                playing.answers[f"GET stacks/{RAILS}/deployments/107"] = one(server.deployment(107) | {field: value})
                found = await provider.deployment(Ref("work", Kind.DEPLOYMENT, "107"), shop)
                assert found.id == "107"
        playing.answers[f"GET stacks/{RAILS}/deployments/107"] = one({"id": "none"})
        with pytest.raises(ProviderError):
            await provider.deployment(Ref("work", Kind.DEPLOYMENT, "107"), shop)
