"""The demo's Dokploy, trap by trap, as the contract lists them at its end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from tests.demo.dokploy_demo import DokployDemo, dokploy
from tests.providers.loopback import until
from tui.demo.dokploy import ids
from tui.demo.dokploy.tokens import SECRETS
from tui.demo.entities import Phase
from tui.demo.lifecycle import redeploy


@pytest.fixture
async def demo() -> AsyncIterator[DokployDemo]:
    async with dokploy() as demo:
        yield demo


@pytest.fixture
async def api(demo: DokployDemo) -> AsyncIterator[httpx.AsyncClient]:
    async with demo.client() as client:
        yield client


STATUS_PAGE = "tools/production/status-page"


def app_id(demo: DokployDemo, path: str = STATUS_PAGE) -> str:
    return ids.service_id(demo.world.service(path))


async def rows(api: httpx.AsyncClient, id_: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await api.get("deployment.all", params={"applicationId": id_})).json()
    return found


async def test_only_the_key_header_counts(demo: DokployDemo) -> None:
    async with httpx.AsyncClient(base_url=f"{demo.url}/api", headers={"Authorization": f"Bearer {demo.key}"}) as bearer:
        answer = await bearer.get("project.all")
    assert (answer.status_code, answer.json()) == (401, {"message": "Unauthorized"})


async def test_orders_without_an_answer_have_an_empty_body_that_claims_to_be_json(
    demo: DokployDemo, api: httpx.AsyncClient
) -> None:
    for procedure in ("application.deploy", "application.redeploy", "application.cleanQueues", "application.killBuild"):
        answer = await api.post(procedure, json={"applicationId": app_id(demo)})
        assert (answer.status_code, answer.content) == (200, b""), procedure
        assert answer.headers["content-type"] == "application/json"


async def test_no_permission_is_a_401_with_a_code(demo: DokployDemo) -> None:
    async with demo.client(demo.tokens.member.value) as member:
        assert (await member.get("overview.services")).status_code == 200
        answer = await member.post("application.deploy", json={"applicationId": app_id(demo)})
    assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHORIZED")
    assert not demo.world.calls


async def test_slashes_too_many_are_sent_on(demo: DokployDemo, api: httpx.AsyncClient) -> None:
    for path in ("/api//settings.health", "//api/settings.health", "/api/settings.health/"):
        answer = await api.get(demo.url + path)
        assert (answer.status_code, answer.headers["location"]) == (308, "/api/settings.health"), path


async def test_a_wrong_method_and_an_unknown_procedure_are_404_without_a_path(
    demo: DokployDemo, api: httpx.AsyncClient
) -> None:
    for answer in (await api.get("application.deploy"), await api.get("deployment.nope")):
        assert (answer.status_code, answer.json()["message"]) == (404, "Not found")
        assert "path" not in answer.json()["data"]
    known = await api.get("application.one", params={"applicationId": "nobody"})
    assert (known.status_code, known.json()["data"]["path"]) == (404, "application.one")


async def test_validation_says_which_field(api: httpx.AsyncClient) -> None:
    for params in ({}, {"applicationId": ""}):
        body = (await api.get("deployment.all", params=params)).json()
        assert body["message"] == "Input validation failed"
        assert body["issues"][0]["path"] == ["applicationId"]
    assert (await api.post("application.deploy", content=b"x")).status_code == 415
    broken = await api.post("application.deploy", content=b"{", headers={"Content-Type": "application/json"})
    assert (broken.status_code, broken.text) == (400, "Invalid JSON")


async def test_a_job_waits_in_the_queue_becomes_a_row_and_is_gone(demo: DokployDemo, api: httpx.AsyncClient) -> None:
    demo.world.advance(120)  # the rollout under way ends
    id_ = app_id(demo)
    before = await rows(api, id_)
    await api.post("application.deploy", json={"applicationId": id_, "title": "mine"})

    async def job() -> dict[str, Any] | None:
        found = (await api.get("deployment.queueList")).json()
        return next((each for each in found if each["data"].get("applicationId") == id_), None)

    waiting = await job()
    assert waiting is not None
    assert (waiting["state"], waiting["data"]["titleLog"]) == ("waiting", "mine")
    assert not {"processedOn", "finishedOn", "failedReason"} & set(waiting)
    assert await rows(api, id_) == before
    demo.world.advance(8)
    active = await job()
    assert active is not None
    assert active["state"] == "active"
    row = (await rows(api, id_))[0]
    assert (row["status"], row["title"], row["finishedAt"]) == ("running", "mine", None)
    demo.world.advance(120)
    assert await job() is None
    row = (await rows(api, id_))[0]
    assert (row["status"], row["description"].partition(" ")[0]) == ("done", "Commit:")
    assert row["title"] != "mine", "the title is rewritten at the end"
    assert len(await rows(api, id_)) <= 11


async def test_one_build_at_a_time(demo: DokployDemo, api: httpx.AsyncClient) -> None:
    demo.world.advance(120)
    for path in (STATUS_PAGE, "tools/staging/wiki"):
        await api.post("application.redeploy", json={"applicationId": app_id(demo, path)})
    demo.world.advance(8)
    states = [job["state"] for job in (await api.get("deployment.queueList")).json()]
    assert sorted(states) == ["active", "waiting"]


async def test_a_killed_build_is_an_error_and_cancelling_is_for_the_cloud(
    demo: DokployDemo, api: httpx.AsyncClient
) -> None:
    id_ = app_id(demo, "tools/production/wiki")
    answer = await api.post("application.cancelDeployment", json={"applicationId": id_})
    assert (answer.status_code, answer.json()["message"]) == (
        400,
        "Deployment cancellation only available in cloud version",
    )
    assert (await rows(api, id_))[0]["status"] == "running"
    await api.post("application.killBuild", json={"applicationId": app_id(demo)})
    demo.world.advance(2)
    assert (await rows(api, id_))[0]["status"] == "error", "it is host-wide"


async def test_a_rollback_leaves_no_trace_and_fails_in_one_way(demo: DokployDemo, api: httpx.AsyncClient) -> None:
    id_ = app_id(demo)
    before = await rows(api, id_)
    good = next(row for row in before[1:] if row["status"] == "done")
    assert (await api.post("rollback.rollback", json={"rollbackId": good["rollbackId"]})).content == b""
    assert await rows(api, id_) == before
    failed = next(row for row in await rows(api, app_id(demo, "tools/staging/wiki")) if row["status"] == "error")
    assert failed["rollbackId"], "a failed row has one, too"
    for wrong in (failed["rollbackId"], good["deploymentId"]):
        answer = await api.post("rollback.rollback", json={"rollbackId": wrong})
        assert (answer.status_code, answer.json()["message"]) == (400, "Error input: Rolling back")


async def test_done_is_not_healthy(demo: DokployDemo, api: httpx.AsyncClient) -> None:
    service = demo.world.service("tools/production/deploy-bot")
    one = (await api.get("application.one", params={"applicationId": ids.service_id(service)})).json()
    assert one["applicationStatus"] == "done"
    seen = set()
    for _ in range(8):
        found = (await api.get("docker.getContainers")).json()
        own = [each["state"] for each in found if each["name"].startswith(f"{ids.app_name(service)}.")]
        assert "exited" in own[1:]
        seen.add(own[0])
        demo.world.advance(1)
    assert seen == {"created", "running"}, "a loop is not seen in the newest container alone"
    prefix = ids.app_name(demo.world.service(STATUS_PAGE))[:8]
    matched = (await api.get("docker.getContainersByAppNameMatch", params={"appName": prefix})).json()
    assert len({each["name"].partition(".")[0] for each in matched}) >= 1


async def test_a_limited_key_is_counted_twice_and_only_silence_helps(demo: DokployDemo) -> None:
    async with demo.client(demo.tokens.limited.value) as limited:
        answers = [(await limited.get("overview.services")).status_code for _ in range(7)]
        assert answers == [200] * 5 + [401] * 2
        demo.world.advance(30)
        assert (await limited.get("overview.services")).status_code == 401
        demo.world.advance(50)
        assert (await limited.get("overview.services")).status_code == 401, "each try begins the silence anew"
        demo.world.advance(61)
        assert (await limited.get("overview.services")).status_code == 200


async def test_secrets_are_in_bodies(demo: DokployDemo, api: httpx.AsyncClient) -> None:
    texts = [
        (await api.get("application.one", params={"applicationId": app_id(demo)})).text,
        (await api.get("deployment.allByType", params={"id": app_id(demo), "type": "application"})).text,
        (await api.get("postgres.one", params={"postgresId": app_id(demo, "tools/production/postgres")})).text,
    ]
    for secret in SECRETS:
        assert any(secret in text for text in texts)
    plain = (await api.get("deployment.all", params={"applicationId": app_id(demo)})).text
    assert not any(secret in plain for secret in SECRETS)


async def test_an_old_server_knows_less(demo: DokployDemo) -> None:
    async with httpx.AsyncClient(base_url=f"{demo.url}/v028/api", headers={"x-api-key": demo.key}) as old:
        assert (await old.get("settings.getDokployVersion")).json() == "v0.28.8"
        assert (await old.get("overview.services")).status_code == 404
        assert (await old.get("deployment.readLogs", params={"deploymentId": "x"})).status_code == 404
        assert (await old.get("project.allForPermissions")).status_code == 200
        assert (await old.get("deployment.allCentralized")).status_code == 200


async def test_requests_without_dates_are_the_oldest_and_durations_nanoseconds(
    demo: DokployDemo, api: httpx.AsyncClient
) -> None:
    async def read(given: dict[str, Any]) -> dict[str, Any]:
        answer = await api.get(f"trpc/settings.readStatsLogs?input={quote(json.dumps({'json': given}))}")
        found: dict[str, Any] = answer.json()["result"]["data"]["json"]
        return found

    assert (await api.get("settings.readStatsLogs")).status_code == 404, "REST has it not"
    oldest = await read({"page": {"pageIndex": 0, "pageSize": 1000}})
    assert len(oldest["data"]) == oldest["totalCount"] == 500
    dated = await read({"dateRange": {"start": "2026-08-22T02:10:00Z", "end": "2026-08-22T02:14:07Z"}})
    assert dated["data"][0]["StartUTC"] >= "2026-08-22T02:10:00"
    assert dated["data"][0]["Duration"] > 1_000_000


# log sockets


async def closed(demo: DokployDemo, path: str, key: str | None = None, **params: str) -> tuple[int, str]:
    async with demo.socket(path, key, **params) as open_:
        with pytest.raises(ConnectionClosed) as caught:
            await _all(open_)
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code, caught.value.rcvd.reason


async def _all(open_: ClientConnection, into: list[str] | None = None) -> None:
    while True:
        frame = await open_.recv()
        if into is not None:
            into.append(str(frame))


async def test_refusals_are_closes_after_a_handshake_that_always_succeeds(demo: DokployDemo) -> None:
    assert await closed(demo, "listen-deployment") == (4000, "logPath no provided")
    assert await closed(demo, "listen-deployment", logPath="/etc/passwd") == (4000, "Invalid log path")
    assert await closed(demo, "listen-deployment", "bad", logPath="/etc/dokploy/logs/x.log") == (1005, "")
    assert await closed(demo, "docker-container-logs") == (4000, "containerId no provided")
    assert await closed(demo, "docker-container-logs", containerId="a b") == (4000, "Invalid container ID format")
    assert await closed(demo, "docker-container-logs", containerId="abc", tail="x") == (4000, "Invalid tail parameter")
    member = demo.tokens.member.value
    assert (await closed(demo, "docker-container-logs", member, containerId="abc"))[0] == 4003
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3), demo.socket("nowhere"):
            pass


async def test_a_build_log_is_replayed_whole_cut_anywhere_and_never_ends(demo: DokployDemo) -> None:
    one = demo.world.service(STATUS_PAGE).recent[0]
    frames: list[str] = []
    async with demo.socket("listen-deployment", logPath=ids.log_path(one)) as open_:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(_all(open_, frames), 0.5)
    text = "".join(frames)
    assert all(line.text in text for line in one.build_lines(demo.world.now))
    assert any(not frame.endswith("\n") for frame in frames)
    assert "\ufffd" in text, "a character was cut by the border of two frames"
    async with demo.socket("listen-deployment", logPath="/etc/dokploy/logs/x/gone.log") as open_:
        assert str(await open_.recv()).startswith("tail error: tail: cannot open")


async def test_a_container_goes_mute_after_a_redeploy_and_the_service_goes_on(demo: DokployDemo) -> None:
    world = demo.world
    service = world.service(STATUS_PAGE)
    one = service.active[0]
    heard: dict[str, list[str]] = {"container": [], "service": []}

    async def listen(name: str, container: str, run: str) -> None:
        async with demo.socket(
            "docker-container-logs", containerId=container, runType=run, tail="1", serviceId=app_id(demo)
        ) as open_:
            async for frame in open_:
                heard[name].append(str(frame))

    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(listen("container", ids.container_id(one, 0), "native")),
            group.create_task(listen("service", ids.app_name(service), "swarm")),
        ]
        await until(lambda: heard["container"] and heard["service"])
        assert "\r\n" in "".join(heard["service"])
        made = redeploy(world, one, one.creator)
        for _ in range(30):
            world.advance(5)
        await until(lambda: made.phase is Phase.LIVE and one.phase is Phase.REMOVED)
        await until(lambda: "Stopping Container" in "".join(heard["container"]))
        before = len("".join(heard["container"])), len("".join(heard["service"]))
        world.advance(60)
        await until(lambda: len("".join(heard["service"])) > before[1])
        assert len("".join(heard["container"])) == before[0]
        for task in tasks:
            task.cancel()
