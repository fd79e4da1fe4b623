"""Logs of the demo's Dokploy: the file of a build, what containers write, who requested what."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import quote

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from tests.demo.dokploy_demo import BUSY, COMPOSE, LOOPING, STATUS_PAGE, DokployDemo, Json, dokploy
from tests.providers.loopback import until
from tui.demo.clock import parse_rfc3339
from tui.demo.dokploy import ids
from tui.demo.dokploy.streams import FRAME
from tui.demo.dokploy.texts import stamped
from tui.demo.entities import Phase
from tui.demo.lifecycle import say

DEPLOYED = r"Docker Deployed: [^\n]*\n$"
STAMP = re.compile(r"2026-08-2\dT\d\d:\d\d:\d\d\.\d{9}Z ")


@pytest.fixture
async def demo() -> AsyncIterator[DokployDemo]:
    async with dokploy() as demo:
        yield demo


class Listener:
    """Everything that a socket said so far."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.frames: list[str | bytes] = []

    @property
    def text(self) -> str:
        return "".join(frame for frame in self.frames if isinstance(frame, str))

    async def listen(self) -> None:
        with suppress(ConnectionClosed):
            while True:
                self.frames.append(await self.socket.recv())

    async def has(self, text: str) -> None:
        await until(lambda: text in self.text)


@asynccontextmanager
async def listening(demo: DokployDemo, path: str, key: str | None = None, **params: str) -> AsyncIterator[Listener]:
    async with demo.socket(path, key, **params) as socket, asyncio.TaskGroup() as group:
        listener = Listener(socket)
        task = group.create_task(listener.listen())
        yield listener
        task.cancel()


def ascii_of(text: str) -> str:
    """Without what may have been cut."""
    return text.encode("ascii", "ignore").decode()


def runtime(demo: DokployDemo, path: str = BUSY, **params: str) -> Any:  # noqa: ANN401  # a context manager
    """All that a service writes, by its name."""
    given = {"containerId": demo.app_name(path), "runType": "swarm", "serviceId": demo.id(path), **params}
    return listening(demo, "docker-container-logs", **given)


# the file of a build


async def test_a_build_is_followed_to_its_end_and_beyond(demo: DokployDemo) -> None:
    one = demo.world.service(BUSY).recent[0]
    async with listening(demo, "listen-deployment", logPath=ids.log_path(one)) as log:
        await log.has("Building tools-wiki-")
        assert "Docker Deployed" not in log.text
        for _ in range(60):
            demo.world.advance(2)
        await until(lambda: re.search(DEPLOYED, log.text))
        assert one.phase is Phase.LIVE
        lines = [line.text for line in one.build_lines(demo.world.now)]
        shown = log.text.split("\n")
        at = shown.index(lines[0])
        assert shown[at : at + len(lines)] == lines
        demo.world.advance(60)
        await (await log.socket.ping())
        assert log.socket.close_code is None, "it never ends"
        assert all(len(str(frame).encode()) <= FRAME for frame in log.frames)
        assert any(not str(frame).endswith("\n") for frame in log.frames)
        assert "\ufffd" in log.text, "a character was cut"
    async with listening(demo, "listen-deployment", logPath=ids.log_path(one)) as again:
        await until(lambda: re.search(DEPLOYED, again.text))
        assert ascii_of(again.text) == ascii_of(log.text), "a new socket begins anew"
        before = again.text
        await demo.post("deployment.removeDeployment", deploymentId=ids.deployment_id(one))
        await (await again.socket.ping())
        assert (again.socket.close_code, again.text) == (None, before)
    whole = await demo.get("deployment.readLogs", deploymentId=(await demo.rows(BUSY))[0]["deploymentId"], tail=10_000)
    assert whole.startswith("Initializing deployment\n")
    assert whole.endswith("Docker Deployed: ✅\n")


async def test_the_end_of_a_log_is_asked_for_by_rest(demo: DokployDemo) -> None:
    row = (await demo.rows("tools/staging/wiki"))[0]
    tail = await demo.get("deployment.readLogs", deploymentId=row["deploymentId"], tail=2)
    assert tail == "ERROR: failed to build: exit code: 1\nError occurred ❌, check the logs for details.\n"


# what containers write


async def test_lines_are_stamped_to_the_nanosecond_and_end_as_in_a_terminal(demo: DokployDemo) -> None:
    async with runtime(demo, tail="20") as log:
        await until(lambda: log.text.count("\r\n") == 20)
        lines = log.text.removesuffix("\r\n").split("\r\n")
        assert all(STAMP.match(line) for line in lines)
        assert lines == sorted(lines, key=lambda line: line[:30])
        say(demo.world, demo.world.service(BUSY).active[0], "first\nsecond")
        await until(lambda: " first\r\n" in log.text and " second\r\n" in log.text)


async def test_a_services_lines_come_each_once_though_its_containers_are_replaced(demo: DokployDemo) -> None:
    service, since = demo.world.service(BUSY), demo.world.now
    async with runtime(demo, tail="0") as log:
        await (await log.socket.ping())
        for _ in range(80):
            demo.world.advance(2)
            await asyncio.sleep(0)
        assert len([one for one in service.recent if one.live_from is not None]) == 2
        expected = [line for one in service.recent for line in one.lines.window(since - 1, demo.world.now - 1)]
        await until(lambda: log.text.count("\r\n") >= len(expected))
        assert Counter(log.text.split("\r\n")) == Counter(stamped(expected).split("\r\n"))
        assert log.text.count("Starting Container") == log.text.count("Stopping Container") == 1


async def test_each_container_has_the_lines_of_its_own_replica(demo: DokployDemo) -> None:
    for path in (BUSY, COMPOSE):
        one = demo.world.service(path).active[0]
        lines = one.lines.window(demo.world.now - 600_000_000_000 - 1, demo.world.now - 1)
        for number, instance in enumerate(one.instances):
            own = stamped(line for line in lines if line.instance == instance.id)
            assert own
            given = {"containerId": ids.container_id(one, number), "tail": "10000", "since": "10m"}
            async with listening(demo, "docker-container-logs", **given) as log:
                await until(lambda log=log, own=own: len(log.text) >= len(own))  # type: ignore[misc]
                await (await log.socket.ping())
                assert log.text == own


async def test_a_container_that_was_replaced_by_a_reload_says_nothing_more(demo: DokployDemo) -> None:
    one = demo.world.service(STATUS_PAGE).active[0]
    async with (
        listening(demo, "docker-container-logs", containerId=ids.container_id(one, 0), tail="1") as old,
        runtime(demo, STATUS_PAGE, tail="1") as service,
    ):
        await until(lambda: old.frames and service.frames)
        body = {"applicationId": demo.id(STATUS_PAGE), "appName": demo.app_name(STATUS_PAGE)}
        await demo.post("application.reload", **body)
        demo.world.advance(20)
        await old.has("Stopping Container")
        await service.has("Starting Container")
        before = old.text
        demo.world.advance(60)
        await until(lambda: service.text.count("\r\n") > 20)
        assert old.text == before
        assert old.socket.close_code is None
        async with listening(demo, "docker-container-logs", containerId=ids.container_id(one, 0, 1)) as new:
            await new.has("Starting Container")
            assert "Stopping Container" not in new.text


async def test_lines_can_be_searched_and_asked_for_since(demo: DokployDemo) -> None:
    async with runtime(demo, search="basket", tail="500") as found, runtime(demo, since="5s", tail="500") as recent:
        await until(lambda: found.text.endswith("\r\n"))
        assert all("basket" in line for line in found.text.split("\r\n")[:-1])
        say(demo.world, demo.world.service(BUSY).active[0], "nothing to see")
        say(demo.world, demo.world.service(BUSY).active[0], "a new BASKET")
        await found.has("a new BASKET")
        assert "nothing to see" not in found.text
        await recent.has("a new BASKET")
        assert min(re.findall(r"T(\S+)Z", recent.text)) >= "02:14:02"


async def test_an_unknown_container_is_told_in_the_log_and_the_socket_stays(demo: DokployDemo) -> None:
    async with listening(demo, "docker-container-logs", containerId="deadbeef0000") as log:
        await log.has("Error response from daemon: No such container: deadbeef0000\r\n")
        demo.world.advance(60)
        await (await log.socket.ping())
        assert log.socket.close_code is None
    async with runtime(demo, containerId="tools-nothing-abcdef") as log:
        await log.has("no such task or service: tools-nothing-abcdef\r\n")


async def test_what_a_client_sends_is_not_answered(demo: DokployDemo) -> None:
    async with runtime(demo, tail="1") as log:
        await until(lambda: log.frames)
        await log.socket.send("exit\r")
        say(demo.world, demo.world.service(BUSY).active[0], "still here")
        await log.has("still here")


async def test_a_member_reads_what_is_on_their_list(demo: DokployDemo) -> None:
    member = demo.tokens.member.value
    given = {"containerId": demo.app_name(BUSY), "runType": "swarm", "tail": "1"}
    async with listening(demo, "docker-container-logs", member, **given, serviceId=demo.id(BUSY)) as log:
        await until(lambda: log.frames)
    for service in ({}, {"serviceId": demo.id("tools/production/redis")}, {"serviceId": "nobody"}):
        async with listening(demo, "docker-container-logs", member, **given, **service) as log:
            await log.socket.wait_closed()
            assert (log.socket.close_code, log.socket.close_reason) == (4003, "Not authorized")


async def test_a_log_by_rest_is_of_one_replica_and_a_search_for_nothing_fails(demo: DokployDemo) -> None:
    one = demo.world.service(BUSY).active[0]
    text = await demo.get("application.readLogs", applicationId=demo.id(BUSY), tail=30)
    assert (text.count("\n"), "\r" in text) == (30, False)
    newest = (await demo.containers(BUSY))[0]
    assert newest["containerId"] == ids.container_id(one, 0)
    own = [line for line in one.lines.window(0, demo.world.now - 1) if line.instance == one.instances[0].id]
    assert text == stamped(own[-30:]).replace("\r\n", "\n")
    found = await demo.get("application.readLogs", applicationId=demo.id(BUSY), search="Basket", since="10m")
    assert all("basket" in line.lower() for line in found.splitlines())
    status, message = await demo.refused(
        "GET", "application.readLogs", applicationId=demo.id(BUSY), search="not to be found"
    )
    assert (status, message.partition(":")[0]) == (500, "Command execution failed")
    container = (await demo.containers(COMPOSE))[0]["containerId"]
    assert await demo.get("compose.readLogs", composeId=demo.id(COMPOSE), containerId=container, tail=3)
    assert (await demo.refused("GET", "compose.readLogs", composeId=demo.id(COMPOSE)))[0] == 400


@pytest.mark.parametrize(("fault", "code"), [("drop", 1006), ("close", 1000)])
async def test_a_socket_may_break_in_mid_stream(demo: DokployDemo, fault: str, code: int) -> None:
    async with runtime(demo, tail="5") as log:
        await until(lambda: log.text.count("\r\n") == 5)
        demo.world.faults.add(fault, "/docker-container-logs", channel="socket", after=10)
        for _ in range(30):
            demo.world.advance(1)
            await asyncio.sleep(0)
        await log.socket.wait_closed()
        assert log.socket.close_code == code
        assert log.text.count("\r\n") >= 10


async def test_a_socket_may_say_something_unreadable_or_fall_silent(demo: DokployDemo) -> None:
    async with runtime(demo, tail="5") as log:
        await until(lambda: log.text.count("\r\n") == 5)
        demo.world.faults.add("malformed", channel="socket")
        await until(lambda: any(isinstance(frame, bytes) for frame in log.frames))
        demo.world.faults.add("silent", channel="socket")
        await until(lambda: not list(demo.world.faults))
        before = log.text
        demo.world.advance(60)
        await (await log.socket.ping())
        assert log.text == before
        assert log.socket.close_code is None


# how containers fare


async def test_a_crash_loop_is_seen_in_containers_alone(demo: DokployDemo) -> None:
    assert await demo.status(LOOPING) == "done"
    assert (await demo.rows(LOOPING))[0]["status"] == "done"
    newest, *former = await demo.containers(LOOPING)
    assert newest["state"] in ("created", "running")
    assert {row["status"].partition(")")[0] for row in former} == {"Exited (1"}
    given = {"containerId": former[0]["containerId"], "tail": "10"}
    async with listening(demo, "docker-container-logs", **given) as log:
        await log.has("KeyError: 'SMTP_SIGNING_KEY'")
        assert log.text.count("Starting Container") == 1, "each task of the loop has a log of its own"


async def test_names_are_matched_by_their_beginning(demo: DokployDemo) -> None:
    production, staging = demo.app_name(BUSY), demo.app_name("tools/staging/wiki")
    found = await demo.get("docker.getContainersByAppNameMatch", appName=production)
    assert {row["name"].partition(".")[0] for row in found} == {production, staging}
    name = demo.app_name(COMPOSE)
    own = await demo.get("docker.getContainersByAppNameMatch", appName=name, appType="docker-compose")
    more = await demo.get("docker.getContainersByAppNameMatch", appName=name)
    assert (len(own), len(more)) == (2, 3)
    assert await demo.get("docker.getContainersByAppNameMatch", appName="nothing-here") == []


async def test_statistics_come_every_now_and_then(demo: DokployDemo) -> None:
    given = {"appName": demo.app_name(STATUS_PAGE), "appType": "application", "serviceId": demo.id(STATUS_PAGE)}
    async with listening(demo, "listen-docker-stats-monitoring", **given) as stats:
        await until(lambda: len(stats.frames) == 1)
        demo.world.advance(1)
        demo.world.advance(1)
        await until(lambda: len(stats.frames) == 2)
        shown = json.loads(stats.frames[1])["data"]
        assert set(shown) == {"cpu", "memory", "disk", "network", "block"}
        assert shown["cpu"]["value"].endswith("%")
        await demo.post("application.stop", applicationId=demo.id(STATUS_PAGE))
        await stats.socket.wait_closed()
        assert (stats.socket.close_code, stats.socket.close_reason) == (4000, "Container not running")


# requests


async def requests(demo: DokployDemo, **given: object) -> Json:
    query = quote(json.dumps({"json": given}))
    found: Json = (await demo.get(f"trpc/settings.readStatsLogs?input={query}"))["result"]["data"]["json"]
    return found


LAST_MINUTES = {"start": "2026-08-22T02:10:00.000Z", "end": "2026-08-22T02:14:07.000Z"}


async def test_requests_are_told_by_site_and_status(demo: DokployDemo) -> None:
    every = await requests(demo, dateRange=LAST_MINUTES, page={"pageIndex": 0, "pageSize": 10_000})
    assert every["totalCount"] == len(every["data"]) > 100
    moments = [row["StartUTC"][:19] for row in every["data"]]
    assert moments == sorted(moments)
    bad = await requests(demo, dateRange=LAST_MINUTES, status=["client", "server"], page={"pageSize": 10_000})
    assert {row["DownstreamStatus"] // 100 for row in bad["data"]} <= {4, 5}
    assert 0 < bad["totalCount"] < every["totalCount"]
    service = demo.world.service(STATUS_PAGE)
    assert service.host
    own = await requests(demo, dateRange=LAST_MINUTES, search=service.host, page={"pageSize": 10_000})
    assert {row["ServiceName"] for row in own["data"]} == {f"{demo.app_name(STATUS_PAGE)}-service-1@file"}
    real = service.active[0].requests.window(
        parse_rfc3339(LAST_MINUTES["start"]), parse_rfc3339(LAST_MINUTES["end"]) - 1
    )
    assert [(row["RequestMethod"], row["RequestPath"]) for row in own["data"]] == [(r.method, r.path) for r in real]
    newest = await requests(demo, dateRange=LAST_MINUTES, sort={"id": "time", "desc": True}, page={"pageSize": 5})
    assert newest["data"][0] == every["data"][-1]
    composed = await requests(demo, dateRange=LAST_MINUTES, search="grafana", page={"pageSize": 10_000})
    assert {type(row["ServiceURL"]) for row in composed["data"]} == {dict}


async def test_without_both_dates_the_file_is_read_from_its_beginning(demo: DokployDemo) -> None:
    for dates in ({}, {"start": LAST_MINUTES["start"]}):
        oldest = await requests(demo, dateRange=dates, page={"pageSize": 1000})
        assert oldest["totalCount"] == 500
        assert oldest["data"][-1]["StartUTC"] < "2026-08-22T01:30"


async def test_requests_are_written_down_only_while_somebody_wants_them(demo: DokployDemo) -> None:
    assert await demo.get("settings.haveActivateRequests") is True
    assert await demo.post("settings.toggleRequests", enable=False) is True
    assert await demo.get("settings.haveActivateRequests") is False
    demo.world.advance(60)
    await demo.post("settings.toggleRequests", enable=True)
    demo.world.advance(30)
    dates = {"start": "2026-08-22T02:14:00Z", "end": "2026-08-22T02:16:00Z"}
    found = await requests(demo, dateRange=dates, page={"pageSize": 1000})
    gap = [row for row in found["data"] if "2026-08-22T02:14:07" < row["StartUTC"] < "2026-08-22T02:15:07"]
    assert found["data"][-1]["StartUTC"] > "2026-08-22T02:15:07"
    assert not gap
