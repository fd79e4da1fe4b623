"""Whatever stands in a field of Dokploy's answers: nothing raises, and no row goes without a word."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.responses import Response

from tests.clocks import START, FakeClock
from tests.providers.dokploy_server import (
    KEY,
    DokployServer,
    Json,
    container,
    job,
    provided,
    row,
    serve,
    service,
    shop,
)
from tests.providers.dokploy_swarm import LATEST, NAME, Swarm
from tests.providers.loopback import Ledger
from tui.credentials import Secret
from tui.model.entities import Kind, Ref
from tui.model.errors import UnexpectedReply
from tui.model.provider import Connection
from tui.model.text import plain
from tui.providers import values
from tui.providers.dokploy import DokployProvider, containers, decode, slots, wire
from tui.providers.dokploy.attempts import Memory
from tui.providers.dokploy.decode import Scene
from tui.providers.dokploy.wire import ContainerRow, DeploymentRow, JobRow, ServiceRow, TaskRow

TEXT = st.text(max_size=12) | st.sampled_from(
    [
        "done",
        "running",
        "idle",
        "created",
        "exited",
        "Exited (1) 4 seconds ago",
        "Up 99999999999999 years",
        "\ud83d",
        "Failed",
    ]
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
    | st.sampled_from(["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-03-14T02:59:00.000Z"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
SERVICE = ServiceRow("app1", "application", "api", app_name=NAME, status="done")
REF = Ref("dok", Kind.SERVICE, "application:app1")

ROWS: list[tuple[type[Any], Json]] = [
    (ServiceRow, service()),
    (DeploymentRow, row(20, rollbackId="r1")),
    (JobRow, job(1, "active")),
    (ContainerRow, container()),
    (TaskRow, Swarm().run(LATEST, START).row(START)),
]
NEEDED: dict[type[Any], set[str]] = {
    ServiceRow: {"id", "type"},
    DeploymentRow: {"deploymentId"},
    JobRow: {"id", "data"},
    ContainerRow: {"containerId", "name"},
    TaskRow: {"containerId", "name"},
}


@pytest.mark.parametrize(("kind", "whole"), ROWS, ids=[kind.__name__ for kind, _ in ROWS])
@given(data=st.data())
def test_an_odd_field_costs_its_row_only_where_the_row_is_nothing_without_it(
    kind: type[Any], whole: Json, data: st.DataObject
) -> None:
    field = data.draw(st.sampled_from(sorted(whole)))
    value = data.draw(JSON)
    items, odd = values.rows([json.dumps({**whole, field: value}).encode()], kind)
    assert len(items) + len(odd) == 1
    assert field in NEEDED[kind] or items


def odd_row(whole: Json, keep: set[str]) -> st.SearchStrategy[Json]:
    fields = st.dictionaries(st.sampled_from(sorted(set(whole) - keep)), JSON, max_size=6)
    return fields.map(lambda given: {**whole, **given})


DEPLOYMENTS = st.lists(odd_row(row(20, rollbackId="r1"), {"deploymentId"}), max_size=4)
JOBS = st.lists(odd_row(job(1), {"id", "data"}), max_size=3)
CONTAINERS = st.lists(odd_row(container(image=LATEST), {"containerId"}), max_size=5)
TASKS = st.lists(odd_row(Swarm().run(LATEST, START).row(START), {"containerId"}), max_size=4)


def decoded(found: list[Json], kind: type[Any]) -> list[Any]:
    items, odd = values.rows([json.dumps(each).encode() for each in found], kind)
    assert len(items) + len(odd) == len(found)
    return items


@given(DEPLOYMENTS, JOBS, CONTAINERS, TASKS)
def test_every_decoder_makes_something_of_every_row(
    rows: list[Json], jobs: list[Json], there: list[Json], tasks: list[Json]
) -> None:
    reading = containers.read(decoded(there, ContainerRow), decoded(tasks, TaskRow), Memory(), START)
    known = decoded(rows, DeploymentRow)
    found = containers.slots(SERVICE, reading, slots.Since(frozenset({"x"}), START))
    turns = containers.turns(SERVICE, reading, START)
    kept = containers.kept_version(SERVICE, reading)
    scene = Scene(SERVICE, REF, found, START, "https://d", turns=turns, kept=kept)
    own = decode.own_rows(known)
    listed = decode.deployments(scene, own, decoded(jobs, JobRow))
    assert {each.id for each in listed} >= {each.deployment_id for each in own}
    decode.service_status(scene, listed[0] if listed else None, None)
    for each in listed:
        assert each.note == plain(each.note)
        assert each.status_raw == plain(each.status_raw)
        each.duration_s(START)


@given(st.lists(JSON, max_size=4) | JSON)
def test_trees_of_old_versions_lose_no_service_without_a_word(found: Any) -> None:  # noqa: ANN401
    services, odd = wire.tree(found)
    assert all(each.id for each in services) or odd or not services


LISTS: dict[str, Callable[[DokployServer], list[Any]]] = {
    "overview.services": lambda server: server.services,
    "deployment.allCentralized": lambda server: server.rows,
    "deployment.queueList": lambda server: server.jobs,
    "docker.getContainers": lambda server: server.containers,
    "docker.getServiceContainersByAppName": lambda _: [],
    "server.all": lambda _: [{"serverId": "s1", "name": "edge"}],
    "deployment.allByServer": lambda _: [row(5)],
    "deployment.allByType": lambda _: [{**row(20), "rollback": {"version": 4}}],
}


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
async def test_a_picture_is_made_of_any_answers_or_one_error_says_why_not(data: st.DataObject) -> None:
    server = shop(service(), service("c1", "compose", name="m"), service("d1", "redis", name="r"))
    server.containers = [container(image=f"{NAME}:v4"), container(f"{NAME}.1.t2", "exited", "Exited (1) 1 second ago")]
    server.jobs = [job(1)]
    for procedure, usual in LISTS.items():
        extra = data.draw(st.lists(JSON, max_size=2))
        server.answers[procedure] = answering([*usual(server), *extra])
    async with serve(server):
        provider = DokployProvider(Connection("dok", Secret(KEY), server.url), meter=Ledger(), clock=FakeClock())
        try:
            snapshot = await provider.snapshot()
            assert {each.name for each in snapshot.services} >= {"api", "m", "r"}
            for each in snapshot.services:
                await provider.deployments(each)
            await provider.check()
        finally:
            await provider.aclose()


def answering(found: list[Any]) -> Callable[[Any], list[Any]]:
    return lambda _: found


WHOLE = frozenset({"overview.services", "deployment.allCentralized", "deployment.queueList"})
"""Without these there is no picture."""
TOLD = frozenset({"docker.getContainers", "server.all", "deployment.allByServer"})
"""Without these a part of it is missing, and a problem says which."""


@pytest.mark.parametrize("body", ["null", "7", '{"a": 1}', "", "[", '"text"', "[[[", "<html></html>"])
@pytest.mark.parametrize("procedure", sorted(LISTS))
async def test_an_answer_that_is_no_list_is_told_and_never_a_fault(procedure: str, body: str) -> None:
    server = shop()
    for each in LISTS:
        server.answers.setdefault(each, answering(LISTS[each](server)))
    server.answers[procedure] = lambda _: Response(body, media_type="application/json")
    async with provided(server) as provider:
        if procedure in WHOLE:
            with pytest.raises(UnexpectedReply, match="dok"):
                await provider.snapshot()
        else:
            assert bool((await provider.snapshot()).problems) is (procedure in TOLD)
