"""Clients that nobody here wrote, against the demo GitLab: PyPI python-gitlab; npm @gitbeaker/rest."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.demo.gitlab_demo import API, SETTLEMENT, WEB, GitlabDemo, gitlab_demo
from tui.demo.gitlab.ids import deployment_number, environment_number, job_number

PACKAGE = "@gitbeaker/rest@43.8.0"


@pytest.fixture
async def demo() -> AsyncIterator[GitlabDemo]:
    async with gitlab_demo() as made:
        yield made


async def call(method: Callable[..., Any], *arguments: object, **named: object) -> Any:  # noqa: ANN401  # theirs
    """The client is synchronous; the server runs in this loop."""
    return await asyncio.to_thread(method, *arguments, **named)


async def connected(demo: GitlabDemo, **more: object) -> Any:  # noqa: ANN401  # theirs
    gitlab = pytest.importorskip("gitlab")
    return gitlab.Gitlab(demo.root, **({"private_token": demo.tokens.usual, "timeout": 5} | more))


async def test_python_gitlab_reads_the_world(demo: GitlabDemo) -> None:
    client = await connected(demo)
    await call(client.auth)
    assert client.user.username == "lfischer"
    assert (await call(client.version))[0] == "19.4.0-ee"
    project = await call(client.projects.get, WEB)
    found = await call(project.deployments.list, iterator=True, per_page=50)
    every = await call(list, found)
    assert len({one.id for one in every}) == found.total == len(every)
    since = "2026-08-22T07:00:00+05:30"
    recent = await call(
        project.deployments.list, order_by="updated_at", sort="desc", updated_after=since, get_all=False
    )
    one = demo.newest("payments/production/web")
    assert [row.id for row in recent] == [deployment_number(one)]
    assert (await call(project.deployments.get, recent[0].id)).status == "running"
    assert (await call(recent[0].mergerequests.list, get_all=False))[0].state == "merged"
    environments = await call(project.environments.list, states="available", get_all=False)
    assert len(environments) == 3
    assert (await call(project.environments.get, environments[0].id)).last_deployment["status"] == "success"
    jobs = await call(project.jobs.list, scope=["running", "pending"], get_all=False)
    assert [job.id for job in jobs] == [job_number(one)]
    walked = await call(project.jobs.list, pagination="keyset", order_by="id", sort="desc", per_page=100, iterator=True)
    assert len(await call(list, walked)) > 200
    assert (await call(jobs[0].trace)).startswith(b"2026-08-22T02:13:55")
    assert await call(jobs[0].trace, byte_offset=28, byte_limit=3) == b"00O"
    pipeline = await call(project.pipelines.get, jobs[0].pipeline["id"])
    assert [job.name for job in await call(pipeline.jobs.list, include_retried=True, get_all=False)] == [
        "deploy",
        "test",
        "build",
    ]
    group = await call(client.groups.get, "acme")
    assert len(await call(group.projects.list, include_subgroups=True, get_all=True)) == 4


async def test_python_gitlab_acts_on_the_world(demo: GitlabDemo) -> None:
    gitlab = pytest.importorskip("gitlab")
    world = demo.world
    client = await connected(demo)
    project = await call(client.projects.get, API)
    one = world.service("payments/production/api").active[0]
    job = await call(project.jobs.get, job_number(one))
    await call(job.retry)
    with pytest.raises(gitlab.exceptions.GitlabJobRetryError, match="403 Forbidden - Job is not retryable"):
        await call(job.retry)
    again = demo.newest("payments/production/api")
    await call((await call(project.jobs.get, job_number(again))).cancel)
    with pytest.raises(gitlab.exceptions.GitlabJobPlayError, match="Unplayable Job"):
        await call(job.play)
    with pytest.raises(gitlab.exceptions.GitlabListError, match="status does not have a valid value"):
        await call(project.deployments.list, status="bogus", get_all=False)
    told = {"environment": "canary", "sha": "a" * 40, "ref": "main", "tag": False, "status": "running"}
    made = await call(project.deployments.create, told)
    made.status = "success"
    await call(made.save)
    with pytest.raises(gitlab.exceptions.GitlabHttpError, match="Deployment currently deployed to environment"):
        await call(client.http_delete, f"/projects/{project.id}/deployments/{made.id}")
    settlement = await call(client.projects.get, SETTLEMENT)
    waiting = demo.newest("payments/production/settlement")
    guarded = await call(settlement.deployments.get, deployment_number(waiting))
    assert (await call(guarded.approval, "approved", comment="ok"))["status"] == "approved"
    web = world.service("payments/review/one-page/web")
    web_project = await call(client.projects.get, WEB)
    environment = await call(web_project.environments.get, environment_number(web))
    await call(environment.stop)
    world.advance(5)
    await call(environment.delete)
    pipeline = await call(project.pipelines.create, {"ref": "main", "variables": [{"key": "K", "value": "v"}]})
    await call(pipeline.cancel)
    await call(pipeline.retry)
    assert {verb for verb, _ in world.calls} >= {
        "redeploy", "cancel", "record", "set-status", "approve", "stop", "deploy", "delete-environment"
    }  # fmt: skip


async def test_python_gitlab_waits_when_it_is_told_to(demo: GitlabDemo) -> None:
    gitlab = pytest.importorskip("gitlab")
    demo.world.faults.add("429", "user", detail="application", seconds=1)
    client = await connected(demo)
    with pytest.raises(gitlab.exceptions.GitlabHttpError, match="requested too many times"):
        await call(client.http_get, "/user", obey_rate_limit=False)
    with pytest.raises(gitlab.exceptions.GitlabAuthenticationError):
        await call((await connected(demo, private_token="glpat-nobody")).auth)
    bearer = await connected(demo, private_token=None, oauth_token=demo.tokens.usual)
    assert (await call(bearer.http_get, "/user"))["username"] == "lfischer"


async def test_python_gitlab_reads_the_old_server(demo: GitlabDemo) -> None:
    client = await connected(demo)
    old = type(client)(f"{demo.root}/old", private_token=demo.tokens.usual, timeout=5)
    assert (await call(old.version))[0].startswith("12.")
    project = await call(old.projects.get, API)
    rows = await call(project.deployments.list, environment="production", get_all=True)
    assert {row.environment["name"] for row in rows} == {"production", "staging"}


async def test_gitbeaker_reads_and_acts(demo: GitlabDemo, tmp_path: Path) -> None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("Node is not here")
    install = [npm, "install", "--prefer-offline", "--no-audit", "--no-fund", "--no-save", PACKAGE]
    try:
        done = await asyncio.to_thread(subprocess.run, install, cwd=tmp_path, capture_output=True, timeout=90)
    except subprocess.TimeoutExpired:
        pytest.skip("npm did not answer in time")
    if done.returncode != 0:
        pytest.skip("npm cannot install the client here")
    script = tmp_path / "clients.mjs"
    script.write_text(Path(__file__).with_name("gitlab_clients.mjs").read_text("utf-8"), "utf-8")
    service = demo.world.service("payments/staging/api")
    one, production = service.active[0], demo.world.service("payments/production/api")
    given = {
        "host": demo.root,
        "token": demo.tokens.usual,
        "project": API,
        "deployment": deployment_number(one),
        "job": job_number(one),
        "environment": environment_number(service),
        "old": deployment_number(production.history[3]),
        "guarded": SETTLEMENT,
        "waiting": deployment_number(demo.newest("payments/production/settlement")),
    }
    rows = len(service.deployments) + len(production.deployments)
    process = await asyncio.to_thread(
        subprocess.run, [node, str(script), json.dumps(given)], capture_output=True, timeout=60, text=True
    )
    assert process.returncode == 0, process.stderr
    told = json.loads(process.stdout)
    assert told.pop("page") > 20
    assert told.pop("jobs") > 200
    assert told == {
        "project": API,
        "all": rows,
        "show": "success",
        "created": "running",
        "edited": "success",
        "current": "Deployment currently deployed to environment",
        "removed": "404 Deployment Not Found",
        "mergeRequests": 1,
        "approval": "approved",
        "environments": ["canary", "production", "staging"],
        "log": True,
        "retried": True,
        "twice": "403 Forbidden - Job is not retryable",
        "cancelled": "canceled",
        "unplayable": "400 Bad request - Unplayable Job",
        "pipelines": 5,
        "stopped": "stopped",
    }
