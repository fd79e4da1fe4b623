"""`python -m tui.demo`: what it prints, serves and leaves behind, and what a flood of lines costs it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.demo.client import LINE, TLS, bearer

ME = "{ me { id } }"


@dataclass(frozen=True, slots=True)
class Child:
    process: asyncio.subprocess.Process
    announced: dict[str, Any]
    http: httpx.AsyncClient

    @property
    def url(self) -> str:
        return str(self.announced["railway"]["url"])

    @property
    def socket_url(self) -> str:
        return self.url.replace("http", "ws", 1)

    @property
    def token(self) -> str:
        return str(self.announced["railway"]["token"])

    def door(self, name: str) -> str:
        return self.url.replace("/graphql/v2", f"/_demo/{name}")

    async def order(self, name: str, **order: object) -> Any:  # noqa: ANN401  # JSON
        response = await self.http.post(self.door(name), json=order)
        assert response.status_code == 200, response.text
        return response.json()["done"]

    async def state(self) -> Any:  # noqa: ANN401  # JSON
        return (await self.http.get(self.door("state"))).json()

    async def service(self, path: str) -> Any:  # noqa: ANN401  # JSON
        return next(one for one in (await self.state())["services"] if one["path"] == path)

    async def ask(self, document: str) -> httpx.Response:
        return await self.http.post(self.url, json={"query": document}, headers=bearer(self.token))

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def started(*arguments: str) -> AsyncIterator[Child]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tui.demo", "--until-eof", *arguments),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        async with asyncio.timeout(20), httpx.AsyncClient(verify=TLS) as http:
            yield Child(process, json.loads(await process.stdout.readline()), http)
    finally:
        process.stdin.close()
        _, errors = await process.communicate()
        assert errors.decode() == ""


async def test_the_first_line_names_every_platform_and_a_private_configuration() -> None:
    async with started("--frozen") as child:
        assert set(child.announced) == {"railway", "gitlab", "cloud66", "dokploy", "config"}
        folder, accounts, secrets = read_configuration(child)
        for account, secret in zip(accounts, secrets, strict=True):
            told = child.announced[account["name"]]
            assert (account["provider"], account["url"], secret) == (account["name"], told["url"], told["token"])
            assert account.get("projects", []) == told["projects"]
            assert account.get("live_logs") == told["live_logs"]
        assert [account["name"] for account in accounts] == ["railway", "gitlab", "cloud66", "dokploy"]
    assert child.process.returncode == 0
    assert not folder.exists()


async def test_only_the_platforms_that_are_asked_for_are_served() -> None:
    async with started("--frozen", "--platforms", "railway,gitlab") as child:
        assert [name for name in ("railway", "gitlab", "cloud66", "dokploy") if child.announced[name]] == [
            "railway",
            "gitlab",
        ]


def read_configuration(child: Child) -> tuple[Path, list[Any], list[str]]:
    """Its folder, the accounts in it, and the token that each account's file holds."""
    path = Path(child.announced["config"])
    accounts = tomllib.loads(path.read_text())["account"]
    tokens = [Path(account["token"]["file"]) for account in accounts]
    assert [stat.S_IMODE(each.stat().st_mode) for each in (path.parent, path, tokens[0])] == [0o700, 0o600, 0o600]
    return path.parent, accounts, [token.read_text().strip() for token in tokens]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_a_signal_ends_it_and_takes_its_folder_along(number: signal.Signals) -> None:
    async with started() as child:
        await child.state()
        child.process.send_signal(number)
        assert await child.process.wait() == 0
    assert not Path(child.announced["config"]).parent.exists()


async def test_it_ends_when_its_parent_does_even_with_a_socket_open() -> None:
    async with started() as child:
        socket = await connect(
            child.socket_url,
            subprotocols=["graphql-transport-ws"],  # type: ignore[list-item]
            additional_headers=bearer(child.token),
        )
        assert child.process.stdin is not None
        child.process.stdin.close()
        assert await child.process.wait() == 0
        await socket.close()


async def test_two_of_the_same_seed_are_alike_and_the_back_door_moves_them() -> None:
    async with started("--frozen", "--seed", "9") as one, started("--frozen", "--seed", "9") as other:
        assert await one.state() == await other.state()
        for child in (one, other):
            await child.order("advance", seconds=200)
        assert await one.state() == await other.state()
        assert (await one.service("shop/production/web"))["latest"]["phase"] == "live"


async def test_the_back_door_makes_faults_lines_pushes_and_future_words() -> None:
    async with started("--frozen", "--services", "30", "--rate-limit", "77") as child:
        assert (await child.ask(ME)).headers["x-ratelimit-limit"] == "77"
        await child.order("fault", kind="5xx", count=1)
        assert (await child.state())["faults"] == [{"kind": "5xx", "operation": "", "count": 1}]
        assert (await child.ask(ME)).status_code == 502
        await child.order("fault", kind="429", count=None)
        await child.order("clear")
        assert (await child.state())["faults"] == []
        deployment = await child.order("line", service="shop/production/api", text="ab", repeat=500_000)
        log = '{ deploymentLogs(deploymentId: "%s", limit: 0) { message } }' % deployment  # noqa: UP031
        answer = (await child.ask(log)).json()
        assert len(answer["data"]["deploymentLogs"][0]["message"]) == 1_000_000
        pushed = await child.order("push", service="shop/production/api", fate="build-fails")
        assert (await child.service("shop/production/api"))["latest"]["id"] == pushed
        await child.order("word", deployment=pushed, status="HIBERNATING")
        status = '{ deployment(id: "%s") { status } }' % pushed  # noqa: UP031
        answer = (await child.ask(status)).json()
        assert answer["data"]["deployment"]["status"] == "HIBERNATING"
        assert len((await child.state())["services"]) == 30


async def test_the_back_door_takes_json_only_and_says_what_it_does_not_understand() -> None:
    async with started("--frozen") as child:
        form = await child.http.post(child.door("advance"), data={"seconds": "5"})
        assert form.status_code == 415
        for body in ("{}", '{"seconds": -1}', '{"seconds": "soon"}', "[]", "{"):
            headers = {"content-type": "application/json"}
            wrong = await child.http.post(child.door("advance"), content=body, headers=headers)
            assert wrong.status_code == 400


@pytest.mark.parametrize("arguments", [["--fault", "earthquake"], ["--services", "0"], ["--log-rate", "-1"]])
def test_wrong_usage_is_said_and_nothing_is_served(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tui.demo", *arguments], capture_output=True, text=True, check=False, timeout=20
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert arguments[0] in done.stderr


@pytest.mark.parametrize("rate", [2000, 20_000])
async def test_a_flood_of_lines_costs_less_than_half_a_core(rate: int) -> None:
    """Counted in CPU seconds for a second's worth of lines, so that a busy machine does not matter."""
    document = f"subscription($d: String!) {{ deploymentLogs(deploymentId: $d) {{ {LINE} }} }}"
    async with started("--log-rate", str(rate)) as child:
        deployment = (await child.service("shop/production/api"))["active"][0]
        async with connect(
            child.socket_url,
            subprotocols=["graphql-transport-ws"],  # type: ignore[list-item]
            additional_headers=bearer(child.token),
            compression=None,
            max_size=None,
        ) as socket:
            await socket.send('{"type":"connection_init"}')
            payload = {"query": document, "variables": {"d": deployment}}
            await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
            for _ in range(2):
                await socket.recv()  # the ack, and the replay
            spent, lines = child.cpu_seconds(), 0
            while lines < rate * 1.5:
                lines += str(await socket.recv()).count('"timestamp"')
            spent = child.cpu_seconds() - spent
        assert spent / (lines / rate) < 0.5


async def test_all_faults_at_once_never_upset_the_server() -> None:
    """`started` sees to it that nothing was written to stderr."""
    document = "subscription($d: String!) { deploymentLogs(deploymentId: $d) { message } }"
    kinds = "429,5xx,slow,drop,malformed,silent,lost-reply,html,html-ok,problem,unauthorized,close"
    async with started("--fault", kinds, "--log-rate", "500") as child:
        one = (await child.service("shop/production/api"))["active"][0]

        async def ask() -> None:
            with contextlib.suppress(httpx.TransportError):
                await child.http.post(child.url, json={"query": ME}, headers=bearer(child.token), timeout=0.2)

        async def listen() -> None:
            with contextlib.suppress(ConnectionClosed, InvalidStatus, TimeoutError):
                async with (
                    asyncio.timeout(0.5),
                    connect(
                        child.socket_url,
                        subprotocols=["graphql-transport-ws"],  # type: ignore[list-item]
                        additional_headers=bearer(child.token),
                    ) as socket,
                ):
                    await socket.send('{"type":"connection_init"}')
                    payload = {"query": document, "variables": {"d": one}}
                    await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
                    while True:
                        await socket.recv()

        for _ in range(3):
            await asyncio.gather(*(ask() for _ in range(20)), *(listen() for _ in range(8)))
        assert (await child.state())["log_rate"] == 500
