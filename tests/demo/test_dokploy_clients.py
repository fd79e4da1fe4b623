"""Clients that nobody here wrote, unchanged, against the demo's Dokploy: PyPI dokli and npm @dokploy/cli."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.demo.dokploy_demo import DokployDemo, dokploy
from tui.demo.dokploy import ids
from tui.demo.dokploy.tokens import SECRETS
from tui.demo.lifecycle import say

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

    async def lines(self, *arguments: str) -> AsyncGenerator[str, None]:
        """What it says, as it says it; it is ended when nobody listens any more."""
        process = await asyncio.create_subprocess_exec(
            *self.command, *arguments, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert process.stdout is not None
        try:
            async with asyncio.timeout(60):
                async for line in process.stdout:
                    yield line.decode().rstrip("\n")
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


def installed(what: str, command: Sequence[str], folder: Path) -> None:
    """Skips the test where it cannot be had."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, timeout=240, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"{what} was not to be had in time")
    if done.returncode != 0:
        pytest.skip(f"{what} cannot be installed here")


@pytest.fixture(scope="module")
def dokli_folder() -> Path:
    """Kept from one run to the next: it is half a minute's work to install it on a busy machine."""
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "deckwatch-tests"
    name = f"{DOKLI.replace('==', '-')}-py{sys.version_info.major}{sys.version_info.minor}"
    kept = caches / name
    if not kept.exists():
        caches.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=caches, prefix=f"{name}-"))
        installed("dokli", [sys.executable, "-m", "pip", "install", "-q", "--target", str(made), DOKLI], made)
        try:
            made.rename(kept)
        except OSError:  # somebody else was quicker
            shutil.rmtree(made)
    return kept


@pytest.fixture
def dokli(dokli_folder: Path, demo: DokployDemo, tmp_path: Path) -> Client:
    config = tmp_path / ".config/dokli/dokli.yaml"
    config.parent.mkdir(parents=True)
    config.write_text(f"connections:\n  - name: demo\n    url: {demo.url}\n    api_key: {demo.key}\n")
    env = {
        "HOME": str(tmp_path),
        "PATH": os.environ["PATH"],
        "COLUMNS": "200",
        "TERM": "dumb",
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": str(dokli_folder),  # its Textual is found before ours
    }
    return Client([sys.executable, "-m", "dokli"], env)


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


async def test_dokli_follows_a_build_and_a_container(demo: DokployDemo, dokli: Client) -> None:
    one = demo.world.service("tools/production/wiki").recent[0]
    shown: list[str] = []
    async with aclosing(dokli.lines("logs", "demo", "-f", "--deployment-id", ids.deployment_id(one))) as lines:
        async for line in lines:
            shown.append(line)
            if line.startswith("Building "):
                demo.world.advance(60)
            if line.startswith("Docker Deployed"):
                break
    built = [line.text for line in one.build_lines(demo.world.now)]
    at = shown.index(built[0])
    assert shown[at : at + len(built)] == built
    service = demo.world.service("tools/production/status-page")
    arguments = ("logs", "demo", "-f", "--application-id", ids.service_id(service), "-n", "1")
    async with aclosing(dokli.lines(*arguments)) as lines:
        async for line in lines:
            if line.endswith("Z said just now"):
                break
            if line:
                say(demo.world, service.active[0], "2026Z said just now")
    code, said = await dokli("stats", "demo", "--application-id", ids.service_id(service), "--once")
    assert (code, "CPU" in said) == (0, True), said


async def test_dokli_shows_what_there_is_and_masks_what_it_knows_to_be_secret(demo: DokployDemo, dokli: Client) -> None:
    code, said = await dokli("state", "demo")
    assert code == 0, said
    for service in demo.world.services:
        assert ids.app_name(service) in said
    assert SECRETS[0] not in said


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
