"""The demo's Dokploy against what was seen of a real one: fields, types, refusals, closes of sockets."""

from __future__ import annotations

import json
import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.demo.dokploy_demo import DokployDemo, dokploy
from tui.demo.dokploy import ids
from tui.demo.dokploy.inventory import SERVER

CONTRACTS = Path(os.environ.get("DECKWATCH_CONTRACTS", Path(__file__).parents[2].parent / "shared" / "contracts"))
SEEN = CONTRACTS / "dokploy"
pytestmark = pytest.mark.skipif(not SEEN.exists(), reason="the contracts (DECKWATCH_CONTRACTS) are not here")

APPLICATION, COMPOSE, POSTGRES = (
    "tools/production/status-page",
    "tools/production/grafana",
    "tools/production/postgres",
)
NAMES = {type(None): "null", str: "string", bool: "bool", int: "int", float: "float", list: "array", dict: "object"}
# What the recorded server had none of, and ours has.
NOT_SEEN = {"application.one": {"env"}, "compose.one": {"env", "customGitUrl", "customGitBranch"}}


@pytest.fixture
async def demo() -> AsyncIterator[DokployDemo]:
    async with dokploy() as demo:
        yield demo


@pytest.fixture
async def api(demo: DokployDemo) -> AsyncIterator[httpx.AsyncClient]:
    async with demo.client() as client:
        yield client


def shapes() -> dict[str, dict[str, set[str]]]:
    """Per heading of SHAPES.md: field -> the types that were seen; "absent" if it was not always there."""
    found: dict[str, dict[str, set[str]]] = {}
    for line in (SEEN / "SHAPES.md").read_text("utf-8").splitlines():
        if line.startswith("## "):
            fields = found.setdefault(line[3:], {})
        elif row := re.match(r"\| `(\w+)` \| ([a-z, ]+?)(?: \((absent) in \d+\))? \|", line):
            fields[row[1]] = set(row[2].split(", ")) | ({"absent"} if row[3] else set())
    return found


async def answers(demo: DokployDemo, api: httpx.AsyncClient) -> dict[str, list[dict[str, Any]]]:
    """The demo's objects, by the heading of the table that they are to look like."""

    async def get(procedure: str, **params: str) -> Any:  # noqa: ANN401  # JSON
        answer = await api.get(procedure, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    world = demo.world
    app, compose = (ids.service_id(world.service(path)) for path in (APPLICATION, COMPOSE))
    name = ids.app_name(world.service(APPLICATION))
    project = ids.nanoid("project", world.service(APPLICATION).environment.project.id)
    environment = ids.nanoid("environment", world.service(APPLICATION).environment.id)
    await api.post("application.deploy", json={"applicationId": app})
    by_type = await get("deployment.allByType", id=app, type="application")
    central = await get("deployment.allCentralized")
    queue = [job for job in await get("deployment.queueList") if job["servicePath"]["href"]]  # others' were not seen
    projects = await get("project.all")
    thin = [each for row in projects for each in row["environments"]]
    rich = await get("environment.byProjectId", projectId=project)
    one = await get("environment.one", environmentId=environment)
    rows = [*await get("deployment.all", applicationId=app), *await get("deployment.allByCompose", composeId=compose)]
    rows += await get("deployment.allByServer", serverId=SERVER)
    return {
        "deployment row (deployment.all, allByCompose, allByServer)": rows,
        "deployment row of allByType (adds `rollback`)": by_type,
        "`rollback` inside an allByType row": [row["rollback"] for row in by_type if row["rollback"]],
        "deployment row of allCentralized": central,
        "allCentralized row .application": [row["application"] for row in central if row["application"]],
        "allCentralized row .compose": [row["compose"] for row in central if row["compose"]],
        "deployment.queueList row": queue,
        "queueList row .data": [row["data"] for row in queue],
        "queueList row .servicePath": [row["servicePath"] for row in queue],
        "project.all row": projects,
        "project.all environment": thin,
        "project.all environment .applications[]": [each for row in thin for each in row["applications"]],
        "project.all environment .compose[]": [each for row in thin for each in row["compose"]],
        "project.all environment .postgres[]": [each for row in thin for each in row["postgres"]],
        "environment.byProjectId row": rich,
        "environment.byProjectId .applications[]": [each for row in rich for each in row["applications"]],
        "environment.byProjectId .compose[]": [each for row in rich for each in row["compose"]],
        "environment.byProjectId .postgres[]": [each for row in rich for each in row["postgres"]],
        "environment.one .applications[]": one["applications"],
        "environment.one .compose[]": one["compose"],
        "application.one": [await get("application.one", applicationId=app)],
        "compose.one": [await get("compose.one", composeId=compose)],
        "docker.getContainersByAppNameMatch row": await get("docker.getContainersByAppNameMatch", appName=name),
        "docker.getServiceContainersByAppName row": await get("docker.getServiceContainersByAppName", appName=name),
        "docker.getContainers row": await get("docker.getContainers"),
        "server.all row": await get("server.all"),
    }


async def test_every_object_has_the_fields_that_were_seen_and_no_others(
    demo: DokployDemo, api: httpx.AsyncClient
) -> None:
    tables = shapes()
    for heading, objects in (await answers(demo, api)).items():
        seen = tables[heading]
        assert seen, heading
        assert objects, heading
        always = {name for name, types in seen.items() if "absent" not in types}
        for each in objects:
            assert set(each) <= set(seen), heading
            assert always <= set(each), heading
            wrong = {
                name: (value, seen[name])
                for name, value in each.items()
                if NAMES[type(value)] not in seen[name] and name not in NOT_SEEN.get(heading, ())
            }
            assert not wrong, heading


async def test_databases_are_as_they_were_seen(demo: DokployDemo, api: httpx.AsyncClient) -> None:
    postgres = ids.service_id(demo.world.service(POSTGRES))
    shown = (await api.get("postgres.one", params={"postgresId": postgres})).json()
    recorded = recording("read-postgres.one")["response"]["body"]
    assert set(shown) <= set(recorded)
    assert {"databasePassword", "appName", "applicationStatus", "environment", "mounts"} <= set(shown)


async def test_the_servers_own_document_is_part_of_the_published_one(api: httpx.AsyncClient) -> None:
    ours = (await api.get("settings.getOpenApiDocument")).json()
    theirs = json.loads((SEEN / "openapi_subset.json").read_text("utf-8"))["paths"]
    assert len(ours["paths"]) > 80
    for path, operations in ours["paths"].items():
        for method, operation in operations.items():
            published = theirs[path][method]
            assert parameters(operation) == parameters(published), path
            said = operation["responses"]["200"]["content"]["application/json"]["schema"]
            assert said == {"type": "object", "properties": {}, "additionalProperties": False}
    assert not [path for path in theirs if path not in ours["paths"] and path not in WITHOUT]


# Of unknown shape, or nobody's business here.
WITHOUT = {
    f"/{name}"
    for name in (
        "settings.checkInfrastructureHealth",
        "user.createApiKey",
        "application.readAppMonitoring",
        "docker.getEvents",
        "docker.getServerHealth",
        "swarm.getContainerStats",
    )
}


def parameters(operation: dict[str, Any]) -> dict[str, bool]:
    """Name -> whether it must be given."""
    found = {each["name"]: bool(each.get("required")) for each in operation.get("parameters", [])}
    schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    return found | {name: name in schema.get("required", []) for name in schema.get("properties", {})}


# refusals


def recording(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SEEN / "recordings" / f"{name}.json").read_text("utf-8"))
    return found


def recordings(pattern: str) -> Iterator[str]:
    if SEEN.exists():
        yield from sorted(path.stem for path in (SEEN / "recordings").glob(pattern))


OF_THE_SETTING = {"err-04-cookie-ok", "err-25-not-api"}  # a cookie; a page


@pytest.mark.parametrize("name", [name for name in recordings("err-*.json") if name not in OF_THE_SETTING])
async def test_a_refusal_is_the_one_that_was_recorded(demo: DokployDemo, name: str) -> None:
    asked, told = recording(name)["request"], recording(name)["response"]
    app = ids.service_id(demo.world.service(APPLICATION))
    headers = {key: value for key, value in asked["headers"].items() if value != "REDACTED_API_KEY"}
    if "x-api-key" in asked["headers"] and "x-api-key" not in headers:
        headers["x-api-key"] = demo.key
    if headers.get("authorization"):
        headers["authorization"] = f"Bearer {demo.key}"
    path = asked["path"].replace("tcSPn-gfIVHCGAKVTDReV", app)
    async with httpx.AsyncClient(base_url=demo.url) as plain:
        answer = await plain.request(asked["method"], path, headers=headers, content=asked["body"])
    assert answer.status_code == told["status"], answer.text
    if told["bodyKind"] == "json":
        assert answer.json() == told["body"]
    else:
        assert answer.text == told["body"]
        assert "content-type" not in answer.headers
    assert not demo.world.calls


@pytest.mark.parametrize("name", ["trpc-03-error", "trpc-04-no-auth"])
async def test_so_it_is_by_trpc(demo: DokployDemo, name: str) -> None:
    asked, told = recording(name)["request"], recording(name)["response"]
    headers = {"x-api-key": demo.key} if "x-api-key" in asked["headers"] else {}
    async with httpx.AsyncClient(base_url=demo.url, headers=headers) as plain:
        answer = await plain.get(asked["path"])
    assert (answer.status_code, answer.json()) == (told["status"], told["body"])


# sockets


def closed_sockets() -> Iterator[str]:
    if SEEN.exists():
        for each in json.loads((SEEN / "recordings" / "websockets.json").read_text("utf-8")):
            if each["end"].startswith("closed by server") and not each["name"].startswith("trpc"):
                yield each["name"]


@pytest.mark.parametrize("name", list(closed_sockets()))
async def test_a_socket_is_closed_as_it_was_recorded(demo: DokployDemo, name: str) -> None:
    told = next(
        each
        for each in json.loads((SEEN / "recordings" / "websockets.json").read_text("utf-8"))
        if each["name"] == name
    )
    one = demo.world.service(APPLICATION).recent[0]
    url = urlsplit(told["url"])
    given = dict(parse_qsl(url.query, keep_blank_values=True))
    if given.get("logPath", "").startswith("/etc/dokploy/logs/shop-web"):
        given["logPath"] = ids.log_path(one)
    if given.get("serverId") == "3q-5ziucrdRu6r4j8qayI":
        given["serverId"] = SERVER
    if "x-api-key" in given:
        given["x-api-key"] = demo.key
    headers = told["requestHeaders"]
    if headers.get("x-api-key") == "REDACTED_API_KEY":
        headers = {"x-api-key": demo.key}
    if "authorization" in headers:
        headers = {"authorization": f"Bearer {demo.key}"}
    frames: list[str] = []
    address = f"{demo.socket_url}{url.path}?{httpx.QueryParams(given)}"
    async with connect(address, additional_headers=headers, open_timeout=2) as socket:
        with suppress(ConnectionClosed):
            while True:
                frames.append(str(await socket.recv()))
    assert told["end"] == f"closed by server code={socket.close_code} reason={socket.close_reason!r}"
    expected = [frame["data"].replace("127.0.0.1:1", "203.0.113.7:22") for frame in told["frames"]]
    assert frames == expected
