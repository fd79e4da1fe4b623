"""The demo's Dokploy beside what a real one over a real swarm answered: one grammar must hold for both."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from itertools import pairwise
from typing import Any

import httpx
import pytest

from tests.demo.dokploy_demo import LOOPING, STATUS_PAGE, DokployDemo, Json, dokploy
from tests.shared import CONTRACTS, needs_contracts
from tui.demo.cast import Fate
from tui.demo.lifecycle import push
from tui.demo.story import add_extra, frozen_world

SEEN = CONTRACTS / "dokploy" / "swarm"
pytestmark = needs_contracts

AGE = r"(?:Less than a second|1 second|About a minute|About an hour|\d+ (?:seconds|minutes|hours|days|weeks|months))"
STATUS = re.compile(rf"Created|Up {AGE}|Exited \((\d+)\) ({AGE}) ago")
CURRENT = re.compile(rf"(Ready|Starting|Running|Complete|Failed|Shutdown) ({AGE.lower()}) ago", re.IGNORECASE)
NAME = re.compile(r"([a-z0-9][a-z0-9-]*\.\d+)\.[a-z0-9]{25}")


def seen(name: str) -> Any:  # noqa: ANN401  # JSON
    return json.loads((SEEN / f"{name}.json").read_text("utf-8"))


def seconds(age: str) -> float:
    """Return the least that an age in Docker's words may be."""
    count, _, unit = age.lower().partition(" ")
    if not count.isdecimal():
        return {"less than a second": 0, "about a minute": 60, "about an hour": 3600}[age.lower()]
    sizes = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800, "month": 2592000}
    return int(count) * sizes[unit.rstrip("s")]


def check_containers(rows: list[Json], more: frozenset[str] = frozenset({"image", "ports"})) -> set[tuple[str, str]]:
    """Hold rows of one kind of list against the grammar; return the states with the beginnings of their statuses."""
    found, slots = set(), defaultdict(list)
    for row in rows:
        assert set(row) == {"containerId", "name", "state", "status"} | more
        assert re.fullmatch(r"[0-9a-f]{12}", row["containerId"])
        named, status = NAME.fullmatch(row["name"]), STATUS.fullmatch(row["status"])
        assert named, row["name"]
        assert status, row["status"]
        slots[named[1]].append(row)
        word = row["status"].partition(" ")[0]
        found.add((row["state"], word))
        assert (row["state"], word) in {("created", "Created"), ("running", "Up"), ("exited", "Exited")}
    for slot in slots.values():
        assert len(slot) <= 5
        ended = [seconds(match[2]) for row in slot if (match := STATUS.fullmatch(row["status"])) and match[2]]
        assert all(later <= earlier for later, earlier in pairwise(ended)), "newest first"
    return found


def check_tasks(rows: list[Json]) -> set[tuple[str, str, str]]:
    """Hold the tasks of one service against the grammar; return (state, current state, kind of error)."""
    found, slots = set(), defaultdict(list)
    for position, row in enumerate(rows):
        assert set(row) == {"containerId", "name", "state", "currentState", "node", "error"}
        assert re.fullmatch(r"[a-z0-9]{25}", row["containerId"])
        current = CURRENT.fullmatch(row["currentState"])
        assert current, row["currentState"]
        slots[row["name"]].append((row["state"], seconds(current[2])))
        kind = "text" if row["error"].startswith('"') and row["error"].endswith('"') else row["error"]
        if kind == "Error:":
            assert position == len(rows) - 1, "only the last line of Docker's answer is cut off"
            kind = ""
        found.add((row["state"], current[1], kind))
    for slot in slots.values():
        assert len(slot) <= 5
        assert all(state == "shutdown" for state, _ in slot[2:]), "at most a new one beside the one it replaces"
        ended = [age for state, age in slot if state == "shutdown"]
        assert ended == sorted(ended), f"newest first: {rows}"
    assert len({row["name"] for row in rows}) == sum(one["name"] != two["name"] for one, two in pairwise(rows)) + 1
    return found


def real_containers() -> Iterator[list[Json]]:
    yield seen("getContainers-after-rollback")["body"]
    yield seen("rollback-out-of-crash-loop")["docker.getContainers"]
    yield seen("swarm-auto-rollback")["docker.getContainers"]


def real_tasks() -> Iterator[list[Json]]:
    yield from (rows for _, rows in seen("getServiceContainersByAppName-crash-loops").values())
    for name in ("rollback-out-of-crash-loop", "swarm-auto-rollback"):
        yield seen(name)["docker.getServiceContainersByAppName"]


@pytest.fixture
async def demo() -> AsyncIterator[DokployDemo]:
    world = frozen_world(platforms=("dokploy",))
    add_extra(world, "tools/production/dokploy-docs")
    async with dokploy(world) as demo:
        yield demo


async def moments(demo: DokployDemo) -> AsyncIterator[None]:
    """Every state that a swarm can be seen in: loops of all three kinds, a rollout, swarm's own rollback, ours."""
    world = demo.world
    for fate in (Fate.CRASHES, Fate.FINISHES, Fate.UNSTARTABLE):
        push(world, world.service(LOOPING), fate)
        world.advance(60)
        for _ in range(20):
            world.advance(0.7)
            yield
    push(world, world.service(STATUS_PAGE), Fate.UNHEALTHY)
    world.advance(25)
    for _ in range(30):
        world.advance(1)
        yield
    target = next(row for row in (await demo.rows(LOOPING))[1:] if row["status"] == "done" and row["rollbackId"])
    await demo.post("rollback.rollback", rollbackId=target["rollbackId"])
    for _ in range(30):
        world.advance(5)
        yield


async def test_containers_are_as_they_were_seen(demo: DokployDemo) -> None:
    real: set[tuple[str, str]] = set()
    for rows in real_containers():
        real |= check_containers(rows)
    ours: set[tuple[str, str]] = set()
    composed = f"{demo.app_name('tools/production/grafana')}-", f"{demo.app_name('tools/staging/grafana')}-"
    async for _ in moments(demo):
        rows = await demo.get("docker.getContainers")
        ours |= check_containers([row for row in rows if not row["name"].startswith(composed)])
    assert ours == real
    listed = seen("getContainers-swarm-crash-loop")["body"]
    assert {row["state"] for row in listed} <= {state for state, _ in ours}
    assert {key for row in listed for key in row} == set((await demo.get("docker.getContainers"))[0])


async def test_tasks_are_as_they_were_seen(demo: DokployDemo) -> None:
    real: set[tuple[str, str, str]] = set()
    for rows in real_tasks():
        real |= check_tasks(rows)
    ours: set[tuple[str, str, str]] = set()
    async for _ in moments(demo):
        for path in (LOOPING, STATUS_PAGE, "tools/production/wiki", "tools/production/postgres"):
            ours |= check_tasks(await demo.get("docker.getServiceContainersByAppName", appName=demo.app_name(path)))
    assert ours == real


async def test_errors_have_the_words_that_were_seen(demo: DokployDemo) -> None:
    def anonymous(error: str) -> str:
        return re.sub(r'exec: "\w+"', 'exec: "…"', re.sub(r"\(\d+\)", "(n)", error))

    real = {anonymous(row["error"]) for rows in real_tasks() for row in rows} - {"", "Error:"}
    ours = set()
    async for _ in moments(demo):
        rows = await demo.get("docker.getServiceContainersByAppName", appName=demo.app_name(LOOPING))
        ours |= {anonymous(row["error"]) for row in rows} - {"", "Error:"}
    assert ours == real


async def test_swarms_own_rollback_looks_as_it_did(demo: DokployDemo) -> None:
    """The newest row is done, and its task failed between two of the former specification."""
    real = seen("swarm-auto-rollback")
    push(demo.world, demo.world.service(STATUS_PAGE), Fate.UNHEALTHY)
    demo.world.advance(480)
    ours = await demo.get("docker.getServiceContainersByAppName", appName=demo.app_name(STATUS_PAGE))
    theirs = real["docker.getServiceContainersByAppName"]
    assert [word(row) for row in ours] == [word(row) for row in theirs[:3]]
    assert ours[1]["error"] == theirs[1]["error"]
    containers, listed = await demo.containers(STATUS_PAGE), real["docker.getContainers"]
    assert [row["state"] for row in containers[:2]] == [row["state"] for row in listed[:2]]
    assert (await demo.rows(STATUS_PAGE))[0]["status"] == real["deployment.all (newest 2)"][0]["status"] == "done"
    one = await demo.get("application.one", applicationId=demo.id(STATUS_PAGE))
    assert one["applicationStatus"] == real["application.one.applicationStatus"]


def word(row: Json) -> tuple[str, str]:
    return row["state"], row["currentState"].partition(" ")[0]


async def test_a_rollback_shows_in_the_image_as_it_did(demo: DokployDemo) -> None:
    real = seen("getContainers-after-rollback")["body"]
    assert re.fullmatch(r"[\w.:/-]+/shop-web-pmftsa:v\d+", real[0]["image"])
    target = next(row for row in (await demo.rows(LOOPING))[1:] if row["status"] == "done")
    await demo.post("rollback.rollback", rollbackId=target["rollbackId"])
    demo.world.advance(26)
    ours = await demo.containers(LOOPING)
    assert [row["state"] for row in ours][:1] == [row["state"] for row in real][:1] == ["running"]
    name = demo.app_name(LOOPING)
    assert re.fullmatch(rf"[\w.:/-]+/{name}:v\d+", ours[0]["image"])
    assert {row["image"] for row in ours[1:]} == {f"{name}:latest"}
    assert {row["image"] for row in real[1:]} == {"shop-web-pmftsa:latest"}


async def test_a_name_with_dokploy_in_it_is_listed_as_it_was(demo: DokployDemo) -> None:
    real, name = seen("appname-with-dokploy"), demo.app_name("tools/production/dokploy-docs")
    assert [row for row in await demo.get("docker.getContainers") if name in row["name"]] == real[
        "docker.getContainers"
    ]
    ours = await demo.get("docker.getContainersByAppNameMatch", appName=name)
    assert check_containers(ours, frozenset()) <= check_containers(
        real["docker.getContainersByAppNameMatch"], frozenset()
    )
    (shown,) = [row for row in await demo.get("overview.services") if row["appName"] == name]
    assert set(shown) == set(real["overview.services"][0])


async def test_a_stack_that_was_stopped_is_as_it_was() -> None:
    real, path = seen("stack-start-nothing-runs"), "tools/production/edge"
    world = frozen_world(platforms=("dokploy",))
    add_extra(world, path)
    async with dokploy(world) as demo:
        name = demo.app_name(path)
        await demo.post("compose.stop", composeId=demo.id(path))
        await demo.post("compose.start", composeId=demo.id(path))
        one = await demo.get("compose.one", composeId=demo.id(path))
        assert one["composeStatus"] == real["compose.one.composeStatus"]
        status, body = real["docker.getStackContainersByAppName"]
        async with demo.client() as client:
            answer = await client.get("docker.getStackContainersByAppName", params={"appName": name})
        assert (answer.status_code, answer.json()) == (status, body)
        rows = await demo.get("docker.getContainers")
        assert [row for row in rows if row["name"].startswith(name)] == real["docker.getContainers"]
        (shown,) = [row for row in await demo.get("overview.services") if row["appName"] == name]
        (told,) = real["overview.services"]
        assert (shown["status"], shown["type"], set(shown)) == (told["status"], told["type"], set(told))


async def test_a_server_without_its_database_answers_as_it_did(demo: DokployDemo) -> None:
    probes, answers = seen("postgres-down-probes"), seen("postgres-down-answers")
    demo.world.faults.add("dbdown")
    async with httpx.AsyncClient(base_url=demo.url) as client:
        for probe, told in probes.items():
            path, _, key = probe.partition(" ")
            headers = {"x-api-key": demo.key} if key == "with key" else {}
            answer = await client.get(path, headers=headers)
            assert (answer.status_code, answer.json()) == (told["status"], told["body"]), probe
        for procedure, (status, body) in answers.items():
            answer = await client.get(f"/api/{procedure}", headers={"x-api-key": demo.key})
            assert (answer.status_code, answer.json()) == (status, body), procedure
