"""Clients that nobody here wrote, against the demo: PyPI railway-client; npm @crisog/railway-sdk and graphql-ws."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from railway import RailwayClient, RailwayError

from tests.conftest import RailwayDemo
from tui.demo.entities import Deployment
from tui.demo.lifecycle import can_roll_back

PACKAGES = ("@crisog/railway-sdk@1.2.0", "graphql-ws@6.4.2", "graphql@16", "ws@8")


def live(demo: RailwayDemo, path: str) -> Deployment:
    return demo.world.service(path).active[-1]


async def call(method: Callable[..., Any], *arguments: object, **named: object) -> Any:  # noqa: ANN401  # theirs
    """The client is synchronous; the server runs in this loop."""
    return await asyncio.to_thread(method, *arguments, **named)


async def test_railway_client_reads_the_world(railway_demo: RailwayDemo) -> None:
    one = live(railway_demo, "shop/production/api")
    service, environment = one.service, one.service.environment
    project = environment.project
    with RailwayClient(api_token=railway_demo.token, endpoint=railway_demo.url) as client:
        assert (await call(client.me)).email == "ana@acme.example"
        (workspace,) = (await call(client.api_token)).workspaces
        assert workspace.name == "acme"
        assert (await call(client.external_workspaces)) == []
        assert len((await call(client.projects, workspace_id=workspace.id)).edges) == 2
        assert len((await call(client.environments, project.id)).edges) == 3
        assert (await call(client.environment, environment.id, project_id=project.id)).name == "production"
        assert (await call(client.service, service.service_id)).name == "api"
        instance = await call(client.service_instance, environment.id, service.service_id)
        assert instance.latest_deployment.id == one.id
        page = await call(client.deployments, service_id=service.service_id, environment_id=environment.id, first=5)
        assert (len(page.edges), page.page_info.has_next_page) == (5, True)
        assert (await call(client.deployment, one.id)).meta["commitHash"] == one.commit.sha
        assert (await call(client.deployment_events, one.id)).edges
        assert (await call(client.build_logs, one.id, limit=10))[0].severity
        lines = await call(client.deployment_logs, one.id, limit=10, filter="order")
        assert len(lines) == 11
        assert (await call(client.environment_logs, environment.id, before_limit=5))[0].tags.service_id
        with pytest.raises(RailwayError):  # asks with arguments that the real API has dropped
            await call(client.http_logs, one.id, start_date="2026-08-22T01:00:00Z")


async def test_railway_client_acts_on_the_world(railway_demo: RailwayDemo) -> None:
    world = railway_demo.world
    one = live(railway_demo, "shop/production/images")
    service, environment = one.service, one.service.environment
    good = next(each for each in service.deployments if can_roll_back(world, each))
    with RailwayClient(api_token=railway_demo.token, endpoint=railway_demo.url) as client:
        assert await call(client.deployment_restart, one.id) is True
        world.advance(10)
        assert await call(client.deployment_stop, one.id) is True
        made = await call(client.deployment_redeploy, one.id)
        assert service.deployments[0].id == made.id
        assert await call(client.deployment_cancel, made.id) is True
        assert await call(client.deployment_rollback, good.id) is True
        world.advance(60)
        assert await call(client.deployment_remove, service.active[0].id) is True
        id_ = await call(client.service_instance_deploy_v2, environment.id, service.service_id)
        assert service.deployments[0].id == id_
        assert await call(client.service_instance_redeploy, environment.id, service.service_id) is True
        assert (
            await call(client.service_instance_deploy, environment.id, service.service_id, latest_commit=True) is True
        )
        waiting = world.service("shop/pr-312/web").deployments[0]
        assert await call(client.deployment_approve, waiting.id) is True
        with pytest.raises(RailwayError, match="Deployment not found"):
            await call(client.deployment_restart, "00000000-0000-4000-8000-000000000000")
    assert {verb for verb, _ in world.calls} == {
        "restart", "stop", "redeploy", "cancel", "rollback", "remove", "deploy", "approve"
    }  # fmt: skip


async def test_railway_client_comes_with_a_project_token(railway_demo: RailwayDemo) -> None:
    with RailwayClient(project_token=railway_demo.tokens.project.value, endpoint=railway_demo.url) as client:
        assert (await call(client.project_token)).environment.name == "production"
        with pytest.raises(RailwayError, match="Not Authorized"):
            await call(client.me)


async def test_clients_from_npm(railway_demo: RailwayDemo, tmp_path: Path) -> None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("Node is not here")
    install = [npm, "install", "--prefer-offline", "--no-audit", "--no-fund", "--no-save", *PACKAGES]
    try:
        done = await asyncio.to_thread(subprocess.run, install, cwd=tmp_path, capture_output=True, timeout=90)
    except subprocess.TimeoutExpired:
        pytest.skip("npm did not answer in time")
    if done.returncode != 0:
        pytest.skip("npm cannot install the clients here")
    script = tmp_path / "clients.mjs"
    script.write_text(Path(__file__).with_name("clients.mjs").read_text("utf-8"), "utf-8")
    web = railway_demo.world.service("shop/production/web").deployments[0]
    one = live(railway_demo, "shop/production/images")
    given = {
        "url": railway_demo.url,
        "socketUrl": railway_demo.socket_url,
        "token": railway_demo.token,
        "deployment": one.id,
        "building": web.id,
        "waiting": railway_demo.world.service("shop/pr-312/web").deployments[0].id,
        "good": next(each.id for each in one.service.deployments if can_roll_back(railway_demo.world, each)),
        "service": one.service.service_id,
        "environment": one.service.environment.id,
        "project": one.service.environment.project.id,
    }
    process = await asyncio.create_subprocess_exec(
        node, str(script), json.dumps(given), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    told: dict[str, Any] = {}
    try:
        async with asyncio.timeout(60):
            async for row in process.stdout:
                message = json.loads(row)
                if "advance" in message:  # the script has subscribed, and wants something to happen
                    railway_demo.world.advance(message["advance"])
                else:
                    told |= message
    finally:
        if process.returncode is None and not told:
            process.kill()
        errors = (await process.stderr.read()).decode()
        await process.wait()
    assert process.returncode == 0, errors
    assert told["sdk"] == {
        "get": "SUCCESS",
        "list": 5,
        "logs": 11,
        "events": "SNAPSHOT_CODE",
        "restart": True,
        "stop": True,
        "redeploy": "INITIALIZING",
        "cancel": True,
        "rollback": True,
        "approve": True,
        "remove": True,
        "unknown": "Deployment not found",
    }
    assert told["ws"]["statuses"] == ["DEPLOYING", "SUCCESS"]
    assert told["ws"]["lines"] > 100
    assert told["ws"]["inOrder"] is True
    assert told["ws"]["build"] > 50
