"""Whatever is in a field of whatever Railway sends: nothing but a ProviderError is raised, no row goes unsaid."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Iterator
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import JSONResponse

from tests.providers import railway_rows as rows
from tests.providers.railway_rows import connection, railway, world
from tests.providers.server import Answer, Json, serve
from tui.credentials import Secret
from tui.model.entities import Deployment, Environment, Kind, Project, Ref, Snapshot
from tui.model.errors import ProviderError
from tui.model.log import LogGap, LogLine
from tui.model.status import Status
from tui.providers.http import Peer
from tui.providers.railway import decode, wire
from tui.providers.railway.decode import Live, Pages
from tui.providers.railway.log_rows import http_row, log_row

T = TypeVar("T")
HOSTILE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        ["", "\x1b]0;x\x07", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "\ud83d", 10**400, -1, [[]], "7"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
PEER = Peer("prod", "Railway", "https://railway.example", "", Secret("a-secret-token"))
SERVICE = Ref("prod", Kind.SERVICE, "e1:s1")
PROJECT = Project(Ref("prod", Kind.PROJECT, "p1"), "shop")
ENVIRONMENT = Environment(Ref("prod", Kind.ENVIRONMENT, "e1"), PROJECT.ref, "production")
META = {
    "commitHash": "a" * 40,
    "commitMessage": "Fix it",
    "commitAuthor": "ada",
    "branch": "main",
    "repo": "acme/shop",
    "image": "ghcr.io/acme/api:1",
    "imageDigest": "sha256:1",
    "cliMessage": "hot fix",
    "cliCaller": "cli",
    "reason": "deploy",
    "queuedReason": "slots",
    "serviceManifest": {"deploy": {"cronSchedule": "* * * * *", "multiRegionConfig": {"eu": {"numReplicas": 2}}}},
}
DEPLOYMENT = rows.deployment("d1", meta=META, creator={"id": "u1", "name": "Ada", "email": "ada@example.com"})
INSTANCE = rows.instance()
EVENT = {
    "id": "ev1",
    "step": "BUILD_IMAGE",
    "createdAt": "2026-09-01T12:00:00Z",
    "completedAt": "2026-09-01T12:01:00Z",
    "payload": {"attempt": 2, "detail": "x", "error": "", "maxAttempts": 3, "reason": "y", "skipped": False},
}
LOG = rows.log("2026-09-01T12:00:00.5Z", "hello")
REQUEST = rows.request("2026-09-01T12:00:00.5Z", "r1")


def places(found: object, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place in a document, the document itself included."""
    yield at
    items = found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ()
    for key, inner in items:
        yield from places(inner, (*at, key))


def spoilt(document: object, at: tuple[str | int, ...], value: object) -> Any:  # noqa: ANN401
    """The document with another value at one place."""
    if not at:
        return value
    made: Any = copy.deepcopy(document)
    holder = made
    for key in at[:-1]:
        holder = holder[key]
    holder[at[-1]] = value
    return made


def somewhere(document: object) -> st.SearchStrategy[tuple[tuple[str | int, ...], object]]:
    return st.tuples(st.sampled_from(list(places(document))), HOSTILE)


def deployment_of(row: wire.DeploymentRow) -> Deployment:
    return decode.deployment(row, SERVICE, "p1", Live(), Pages(on_railway=True))


def assert_harmless(*texts: str | None) -> None:
    for text in texts:
        assert "\x1b" not in (text or "")


@given(somewhere(DEPLOYMENT))
def test_a_deployment_keeps_its_row_unless_its_id_is_odd(where: tuple[tuple[str | int, ...], object]) -> None:
    at, value = where
    page = wire.page(
        connection(spoilt(DEPLOYMENT, at, value), copy.deepcopy(DEPLOYMENT)), wire.DeploymentRow, PEER, "x"
    )
    assert len(page.items) + len(page.odd) == 2
    if at[:1] not in ((), ("id",)):
        assert page.odd == []
    for row in page.items:
        made = deployment_of(row)
        revision = made.revision
        assert_harmless(made.id, made.status_raw, made.creator, made.trigger, made.url, made.note)
        assert_harmless(*(text for each in made.instances for text in (each.name, each.status_raw)))
        assert_harmless(*((revision.sha, revision.message, revision.author, revision.url) if revision else ()))
        assert made.duration_s(datetime.now(UTC)) is None or made.duration_s(datetime.now(UTC)) >= 0  # type: ignore[operator]


@given(somewhere(INSTANCE))
def test_a_service_keeps_its_row_unless_its_id_is_odd(where: tuple[tuple[str | int, ...], object]) -> None:
    at, value = where
    page = wire.page(connection(spoilt(INSTANCE, at, value)), wire.ServiceInstanceRow, PEER, "x")
    assert len(page.items) + len(page.odd) == 1
    if at[:1] not in ((), ("serviceId",)):
        assert page.odd == []
    for row in page.items:
        service = decode.service(row, SERVICE, (PROJECT, ENVIRONMENT), None, None, META)
        assert service.name
        assert_harmless(service.name, service.url)


@given(somewhere(EVENT))
def test_a_step_keeps_its_row_or_is_counted(where: tuple[tuple[str | int, ...], object]) -> None:
    at, value = where
    page = wire.page(connection(spoilt(EVENT, at, value)), wire.EventRow, PEER, "x")
    steps = decode.steps(page, deployment_of(wire.one(copy.deepcopy(DEPLOYMENT), wire.DeploymentRow, PEER, "x")))
    assert len(steps) == 1
    if at[:1] not in ((), ("id",)):
        assert steps[0].status is not Status.UNKNOWN
    assert_harmless(steps[0].name, steps[0].detail, steps[0].error)


@given(somewhere(LOG))
def test_a_log_line_is_lost_only_with_its_message(where: tuple[tuple[str | int, ...], object]) -> None:
    at, value = where
    row = log_row(spoilt(LOG, at, value), "d1")
    if at[:1] in ((), ("message",)):
        assert row.entries
    else:
        assert [entry.text for entry in row.entries if isinstance(entry, LogLine)] == ["hello"]


@given(somewhere(REQUEST))
def test_a_request_is_lost_only_with_its_time_or_status(where: tuple[tuple[str | int, ...], object]) -> None:
    at, value = where
    (entry,) = http_row(spoilt(REQUEST, at, value), "d1").entries
    assert not isinstance(entry, LogGap) or at[:1] in ((), ("timestamp",), ("httpStatus",))


@given(HOSTILE)
def test_the_rows_of_a_list_are_all_there_or_the_list_is_refused(found: object) -> None:
    for kind in (wire.WorkspaceRow, wire.ProjectRow, wire.EnvironmentRow, wire.ProjectTokenRow, wire.UserRow):
        page: wire.Rows[Any] = wire.listed([found, copy.deepcopy(found)], kind, PEER, "x")
        assert len(page.items) + len(page.odd) == 2
        for read in (wire.page, wire.listed):
            try:
                read(copy.deepcopy(found), kind, PEER, "x")
            except ProviderError as error:
                said = str(error)
                assert_harmless(said)


ANSWERS: dict[str, Json] = {
    "ApiToken": {"apiToken": {"workspaces": [{"id": "w1", "name": "Acme"}]}},
    "Projects": {"projects": connection(rows.project())},
    "ExternalWorkspaces": {"externalWorkspaces": [{"id": "w2", "name": "Other", "projects": []}]},
    "Inventory": {"a0": rows.inventory(rows.instance())["environment"]},
    "Deployments": {"deployments": connection(rows.deployment("d1"))},
    "DeploymentEvents": {"deploymentEvents": connection(EVENT)},
    "Deployment": {"deployment": rows.deployment("d1")},
    "Me": {"me": {"id": "u1", "name": "Ada", "email": "ada@example.com"}},
}
ODD: tuple[object, ...] = (None, 7, "x", [None], {})


@pytest.mark.parametrize("name", sorted(ANSWERS))
async def test_a_spoilt_answer_is_a_provider_error_or_is_said(name: str) -> None:
    """Every place of every answer, over HTTP: ids and what decorates, lists, pages, and what holds them."""
    answers = dict(ANSWERS)
    server = world(**{each: _answering(answers, each) for each in ANSWERS})
    server.whole = True
    async with serve(server):
        provider = railway(server)
        whole = await provider.snapshot()
        await provider.aclose()
        for at in places(ANSWERS[name]):
            for value in ODD:
                answers[name] = spoilt(ANSWERS[name], at, value)
                await _use(name, server, whole)


def _answering(answers: dict[str, Json], name: str) -> Answer:
    return lambda _: JSONResponse({"data": answers[name]})


async def _use(name: str, server: rows.RailwayServer, whole: Snapshot) -> None:
    provider = railway(server)
    service = whole.services[0]
    assert service.latest is not None
    try:
        match name:
            case "Deployments":
                page = await _tried(provider.deployments(service))
                assert page is None or page.items or page.problems
            case "Deployment":
                await _tried(provider.deployment(Ref("prod", Kind.DEPLOYMENT, "d1"), service))
            case "DeploymentEvents":
                assert await _tried(provider.steps(service.latest)) != ()
            case "Me":
                assert await _tried(provider.check())
            case _:
                snapshot = await _tried(provider.snapshot())
                if snapshot is not None:
                    assert snapshot.services or snapshot.problems, "nothing is shown and nothing is said to be missing"
                    for each in snapshot.services:
                        assert each.latest or each.doubt
    finally:
        await provider.aclose()


async def _tried(call: Awaitable[T]) -> T | None:
    try:
        async with asyncio.timeout(20):
            return await call
    except ProviderError as error:
        if "prod" in str(error):
            return None
        raise
