"""What a running Dokploy v0.30.2 answered, replayed: every recorded answer decodes, or is the right error."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from starlette.responses import Response

from tests.clocks import FakeClock
from tests.providers.dokploy_server import KEY, DokployServer, provided, serve
from tests.providers.loopback import Ledger
from tests.shared import CONTRACTS
from tui.credentials import Secret
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
from tui.model.log import Cursor
from tui.model.provider import Connection
from tui.model.status import Status
from tui.providers import values
from tui.providers.dokploy import decode, wire
from tui.providers.dokploy.api import Api
from tui.providers.dokploy.build_lines import Lines, given
from tui.providers.dokploy.wire import ContainerRow, DeploymentRow, JobRow, OrganizationRow, ServerRow

RECORDINGS = CONTRACTS / "dokploy" / "recordings"
pytestmark = pytest.mark.skipif(not RECORDINGS.is_dir(), reason=f"no recordings at {RECORDINGS}")


def _exchanges() -> list[tuple[str, dict[str, Any]]]:
    found = []
    for path in sorted(RECORDINGS.glob("*.json")):
        recorded = json.loads(path.read_text())
        if isinstance(recorded, dict) and "request" in recorded:
            found.append((path.stem, recorded))
    return found


EXCHANGES = _exchanges()
LISTS: dict[str, type[Any]] = {
    "deployment.all": DeploymentRow,
    "deployment.allByCompose": DeploymentRow,
    "deployment.allByServer": DeploymentRow,
    "deployment.allByType": DeploymentRow,
    "deployment.allCentralized": DeploymentRow,
    "deployment.queueList": JobRow,
    "docker.getContainers": ContainerRow,
    "docker.getContainersByAppNameMatch": ContainerRow,
    "docker.getContainersByAppLabel": ContainerRow,
    "server.all": ServerRow,
}


def bytes_of(response: dict[str, Any]) -> bytes:
    body = response.get("body")
    if response.get("bodyKind") == "empty" or body is None:
        return b""
    return body.encode() if response.get("bodyKind") == "text" else json.dumps(body).encode()


def procedure(request: dict[str, Any]) -> str:
    found: str = request["path"].partition("/api/")[2].partition("?")[0]
    return found if ".." not in found else "nope-page"


def expected(status: int, body: Any, *, mutation: bool) -> tuple[type[ProviderError], ...]:  # noqa: ANN401 - JSON
    if not isinstance(body, dict):
        return (Refused, UnexpectedReply, NotFound)
    match status:
        case 401 if "code" not in body or body["message"] == "UNAUTHORIZED":
            return (Unauthorized, RateLimited)
        case 401 | 403:
            return (Forbidden,)
        case 404:
            return (NotFound,)
        case 400 | 415:
            return (Refused,)
        case 500 if mutation:
            return (Refused,)  # each of them is what Docker or a server said
    return (Unreachable,)


async def replayed(api: Api, name: str, recorded: dict[str, Any]) -> None:
    request, response = recorded["request"], recorded["response"]
    path, status = procedure(request), response["status"]
    mutation = request["method"] == "POST"
    if status >= 400:
        with pytest.raises(expected(status, response.get("body"), mutation=mutation)) as caught:
            await api.rest.ask(
                request["method"], path, json={} if mutation else None, mutation=mutation, headers={"x-replay": name}
            )
        assert "dok" in str(caught.value)
        assert "\n" not in caught.value.message
        assert len(caught.value.message) < 400
        return
    answer = await api.rest.ask(
        request["method"], path, json={} if mutation else None, mutation=mutation, headers={"x-replay": name}
    )
    found = response["body"]
    if path in LISTS:
        items, odd = values.rows(answer.rows(), LISTS[path])
        assert not odd
        assert len(items) == len(found)
    elif path == "organization.active":
        answer.decode(OrganizationRow)
    elif path == "trpc/deployment.all":
        assert answer.decode(wire.Enveloped).result.data.json == found["result"]["data"]["json"]
    elif response.get("bodyKind") == "empty":
        assert not answer.content
    elif isinstance(found, str):
        assert answer.decode(str) == found
    else:
        answer.decode(msgspec.Raw)


async def test_every_recorded_answer_decodes_or_is_the_right_error() -> None:
    by_name = dict(EXCHANGES)

    def replay(call: Any) -> Response:  # noqa: ANN401
        response = by_name[call.headers["x-replay"]]["response"]
        headers = {key.lower(): value for key, value in response["headers"]}
        return Response(bytes_of(response), response["status"], media_type=headers.get("content-type"))

    server = DokployServer(dict.fromkeys({procedure(each["request"]) for _, each in EXCHANGES}, replay))
    async with serve(server):
        api = Api(Connection("dok", Secret(KEY), server.url), "Dokploy", meter=Ledger(), clock=FakeClock())
        for name, recorded in EXCHANGES:
            try:
                await replayed(api, name, recorded)
            except BaseException as error:
                error.add_note(name)
                raise
        await api.aclose()
    assert len(EXCHANGES) > 200
    assert len(server.calls) == len(EXCHANGES)


def body(name: str) -> Any:  # noqa: ANN401 - JSON
    return json.loads((RECORDINGS / f"{name}.json").read_text())["response"]["body"]


def _world() -> DokployServer:
    """The recorded server: an older inventory, because overview.services was not recorded."""
    recorded = json.loads((RECORDINGS / "read-environment.byProjectId.json").read_text())
    environments = recorded["response"]["body"]

    def by_project(call: Any) -> Any:  # noqa: ANN401
        return environments if recorded["request"]["path"].endswith(call.query["projectId"]) else []

    return DokployServer(
        {
            "project.all": lambda _: body("read-project.all"),
            "environment.byProjectId": by_project,
            "deployment.allCentralized": lambda _: body("read-deployment.allCentralized"),
            "deployment.all": lambda call: [
                row
                for row in body("read-deployment.allCentralized")
                if row["applicationId"] == call.query["applicationId"]
            ],
            "deployment.queueList": lambda _: body("act-08-queueList-active-and-waiting"),
            "docker.getContainers": lambda _: body("read-docker.getContainers"),
        }
    )


async def test_the_recorded_server_is_shown_with_its_deployments_its_queue_and_its_containers() -> None:
    server = _world()
    async with provided(server) as provider:
        snapshot = await provider.snapshot()
        shown = {service.name: service for service in snapshot.services}
        assert {"web", "api", "metrics"} <= set(shown)
        web = shown["web"]
        assert web.latest is not None
        assert web.latest.status is Status.QUEUED, "a job waits for it"
        assert web.live is not None
        assert web.live.revision is not None
        assert len(web.instances) == 1, "the former task's container is not shown"
        page = await provider.deployments(web)
        assert [each.status for each in page.items][:1] == [Status.QUEUED]
        assert sum(each.is_live for each in page.items) == 1
        assert {each.name for each in shown["metrics"].instances} == {
            "shop-metrics-ptkd4d-grafana-1",
            "shop-metrics-ptkd4d-prom-1",
        }
    assert {call.headers["x-api-key"] for call in server.calls} == {KEY}


def test_recorded_build_logs_are_whole_lines_whatever_the_frames() -> None:
    sockets = json.loads((RECORDINGS / "websockets.json").read_text())
    builds = [each for each in sockets if each["name"] in ("dep-01-api-key", "dep-17-running-build-14s")]
    assert len(builds) == 2
    for each in builds:
        frames = [frame["data"] for frame in each["frames"]]
        cursor = Cursor()
        lines = Lines(cursor, "d1")
        shown = [entry for frame in frames for entry in given(lines.take(frame), cursor)]
        assert len(shown) == "".join(frames).count("\n")
        again = Lines(cursor, "d1")
        assert [entry for frame in frames for entry in again.take(frame)] == [], "a reconnect replays all of it"


def test_statuses_of_every_recorded_row_are_known() -> None:
    for name, recorded in EXCHANGES:
        found = recorded["response"].get("body")
        for row in found if isinstance(found, list) else ():
            if isinstance(row, dict) and "deploymentId" in row:
                assert row["status"] in decode.STATUS, name
