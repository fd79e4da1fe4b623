"""The same by key and by command: one effect at most, the audit line first, and no word that was not earned."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.chaos.histories import GIVEN
from tests.chaos.proxy import Fault, Harm, Proxy, Where
from tests.conformance.profiles import Order, Profile, prepared
from tests.demo_process import DECKWATCH, DemoProcess, environment
from tests.journeys.orders import confirms, ended, goes_to_its_place, opens_the_sheet
from tests.journeys.sailing import HASTE, sailing
from tui.engine.audit import ActionPhase, AuditLog
from tui.model.action import Verb

FAULTS = [  # and whether the request arrived
    (Fault(Harm.RESET, Where.REQUEST, 0.0, outage=3), False),
    (Fault(Harm.CUT, Where.REQUEST, 0.9), False),
    (Fault(Harm.RESET, Where.REPLY, 0.0, outage=3), True),
]
REDEPLOYS = [given for given in GIVEN if given[1].verb is Verb.REDEPLOY]
each_platform = pytest.mark.parametrize(("profile", "order"), REDEPLOYS, ids=[profile.name for profile, _ in REDEPLOYS])
each_fault = pytest.mark.parametrize(("fault", "arrives"), FAULTS, ids=[str(fault) for fault, _ in FAULTS])


class Line:
    """The way to a platform, and what went over it."""

    def __init__(self, fault: Fault, asked: Callable[[], int]) -> None:
        self.unwritten = 0
        self.mutations = 0
        self._fault = fault
        self._asked = asked

    @asynccontextmanager
    async def through(self, url: str) -> AsyncIterator[str]:
        def left() -> None:
            self.mutations += 1
            self.unwritten += self._asked() < self.mutations

        async with Proxy(url, left).running() as proxy:
            proxy.arm(self._fault)
            yield proxy.url(url)


@each_fault
@each_platform
async def test_a_key_over_a_breaking_line(
    profile: Profile, order: Order, fault: Fault, arrives: bool, tmp_path: Path
) -> None:
    world, target = prepared(profile, order)
    line = Line(fault, lambda: lines(tmp_path / "audit.jsonl", ActionPhase.ASKED))
    async with sailing(world, haste=HASTE, state_dir=tmp_path, through=line.through) as voyage:
        await goes_to_its_place(voyage, profile, order, target)
        before = sum(world.calls.values())
        await confirms(voyage, await opens_the_sheet(voyage, order))
        action = await ended(voyage)
    assert sum(world.calls.values()) - before == int(arrives)
    assert (line.mutations, line.unwritten) == (1, 0)
    assert action.ok is (True if arrives else None), action.message


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoProcess]:
    platforms = ",".join(profile.name for profile, _ in REDEPLOYS)
    with DemoProcess(home=tmp_path_factory.mktemp("home"), platforms=platforms) as process:
        yield process


@each_fault
@each_platform
async def test_a_command_over_a_breaking_line(
    demo: DemoProcess, profile: Profile, order: Order, fault: Fault, arrives: bool, tmp_path: Path
) -> None:
    given = next(each for each in account_tables(demo) if f'provider = "{profile.name}"' in each)
    [url] = re.findall(r'^url = "(.*)"$', given, re.MULTILINE)
    audit = tmp_path / ".local" / "state" / "deckwatch" / "audit.jsonl"
    line = Line(fault, lambda: lines(audit, ActionPhase.ASKED))
    before = effects(demo)
    async with line.through(url) as proxied:
        config = tmp_path / "config.toml"
        config.write_text(given.replace(url, proxied))
        config.chmod(0o600)
        process = await asyncio.create_subprocess_exec(
            *(*DECKWATCH, "act", "redeploy", order.service, "--yes", "--json", "--config", str(config)),
            env=environment(tmp_path),
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate()
    assert process.returncode == 4, out
    assert json.loads(out)["outcome"] == "unknown"
    assert effects(demo) - before == int(arrives)
    assert (line.mutations, line.unwritten) == (1, 0)
    assert lines(audit, ActionPhase.UNKNOWN) == 1


def lines(audit: Path, phase: ActionPhase) -> int:
    return sum(entry.phase is phase for entry in AuditLog(audit).read())


def account_tables(demo: DemoProcess) -> list[str]:
    return re.split(r"(?=^\[\[account\]\])", Path(demo.config).read_text(), flags=re.MULTILINE)


def effects(demo: DemoProcess) -> int:
    return sum(each["count"] for each in demo.state()["calls"])
