"""Clients that nobody here wrote, unchanged, against the demo's Dokploy: PyPI dokli and npm @dokploy/cli."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.demo.dokploy_demo import DokployDemo, dokploy
from tui.demo.dokploy import ids
from tui.demo.dokploy.tokens import SECRETS

DOKLI = "dokli==0.7.0"  # an environment of its own: it wants an older Textual than we do
CLI = "@dokploy/cli@0.30.7"
HOSTS = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "npm_", "NPM_", "SSL_"))}


@pytest.fixture
async def demo() -> AsyncIterator[DokployDemo]:
    async with dokploy() as demo:
        yield demo


@dataclass(frozen=True)
class Client:
    """A command line with an environment of its own."""

    command: Sequence[str]
    env: dict[str, str]

    async def __call__(self, *arguments: str) -> tuple[int, str]:
        """Its exit code, and what it said."""
        process = await asyncio.create_subprocess_exec(
            *self.command, *arguments, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        async with asyncio.timeout(60):
            said, _ = await process.communicate()
        return process.returncode or 0, said.decode()


def installed(what: str, command: Sequence[str], folder: Path) -> None:
    """Skips the test where it cannot be had."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, timeout=240, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"{what} was not to be had in time")
    if done.returncode != 0:
        pytest.skip(f"{what} cannot be installed here")


@pytest.fixture(scope="module")
def dokli_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dokli")
    installed("a venv", [sys.executable, "-m", "venv", str(folder / "venv")], folder)
    installed("dokli", [str(folder / "venv/bin/pip"), "install", "-q", DOKLI], folder)
    return folder


@pytest.fixture
def dokli(dokli_folder: Path, demo: DokployDemo, tmp_path: Path) -> Client:
    config = tmp_path / ".config/dokli/dokli.yaml"
    config.parent.mkdir(parents=True)
    config.write_text(f"connections:\n  - name: demo\n    url: {demo.url}\n    api_key: {demo.key}\n")
    env = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "COLUMNS": "200", "TERM": "dumb"}
    return Client([str(dokli_folder / "venv/bin/dokli")], env)


@pytest.fixture
def official(demo: DokployDemo, tmp_path: Path) -> Client:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("Node is not here")
    installed(CLI, [npm, "install", "--prefer-offline", "--no-audit", "--no-fund", "--no-save", CLI], tmp_path)
    env = {
        **HOSTS,
        "HOME": str(tmp_path),
        "PATH": os.environ["PATH"],
        "DOKPLOY_URL": demo.url,
        "DOKPLOY_API_KEY": demo.key,
        "NO_COLOR": "1",
    }
    return Client([str(tmp_path / "node_modules/.bin/dokploy")], env)


async def test_dokli_lists_services_deployments_and_logs(demo: DokployDemo, dokli: Client) -> None:
    code, said = await dokli("ls", "demo")
    assert code == 0, said
    assert all(service.name in said for service in demo.world.services)
    code, said = await dokli("doctor", "demo")
    assert (code, "fail" in said) == (0, False), said
    service = demo.world.service("tools/production/status-page")
    one = service.recent[0]
    code, said = await dokli("logs", "demo", "--deployment-id", ids.deployment_id(one), "-n", "5")
    assert code == 0, said
    assert one.build_lines(demo.world.now)[-1].text.split()[-1] in said
    body = json.dumps({"applicationId": ids.service_id(service)})
    code, said = await dokli("api", "demo", "application", "deploy", "--body", body)
    assert code == 1, "its generated commands send no content type, which real servers refuse, too"
    assert "415" in said
    assert not demo.world.calls
    code, said = await dokli("api", "demo", "deployment", "all", ids.service_id(service))
    assert code == 0, said
    assert ids.deployment_id(one) in said


async def test_the_official_client_acts_and_is_refused_where_it_is_broken(demo: DokployDemo, official: Client) -> None:
    code, said = await official("project", "all")
    assert code == 0, said
    assert json.loads(said)[0]["name"] == "tools"
    assert SECRETS[0] in said, "it prints what the server sends, secrets and all"
    service = demo.world.service("tools/production/status-page")
    before = sum(demo.world.calls.values())
    code, said = await official("application", "deploy", "--applicationId", ids.service_id(service))
    assert code == 0, said
    assert sum(demo.world.calls.values()) == before + 1
    code, said = await official("deployment", "queue-list")
    assert any(job["data"].get("applicationId") == ids.service_id(service) for job in json.loads(said))
    code, said = await official("deployment", "all", "--applicationId", ids.service_id(service))
    assert code == 1, "its reads with parameters are refused by real servers, too"
    assert "400" in said
