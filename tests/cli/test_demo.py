"""The simulated world: served alone, under the headless commands over the real wire, and under the board."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Deckwatch
from tests.cli.terminal import Typed
from tests.demo_process import DemoProcess
from tui.cli.demo_world import DemoWorld
from tui.model.errors import Unreachable


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """`deckwatch demo --serve-only`: what its first line says."""
    deckwatch = Deckwatch(tmp_path_factory.mktemp("world"))
    with subprocess.Popen(
        [sys.executable, "-m", "tui", "demo", "--serve-only", "--seed", "7", "--log-rate", "20"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        env=deckwatch.env,
        cwd=deckwatch.home,
    ) as server:
        assert server.stdout is not None
        said = json.loads(server.stdout.readline())
        yield said
        server.send_signal(signal.SIGTERM)
        _, words = server.communicate(timeout=30)
    assert (server.returncode, words) == (0, b"")
    assert not Path(said["config"]).exists()
    assert list(deckwatch.home.iterdir()) == []


@pytest.fixture
def demo(deckwatch: Deckwatch, world: dict[str, Any]) -> Deckwatch:
    """deckwatch with the served world as the user's configuration."""
    deckwatch.config.parent.mkdir(parents=True)
    deckwatch.config.write_text(Path(world["config"]).read_text())
    deckwatch.settle(1)
    return deckwatch


def test_the_first_line_tells_addresses_and_a_configuration_that_is_good(
    world: dict[str, Any], deckwatch: Deckwatch
) -> None:
    assert world["railway"]["url"].startswith("http://127.0.0.1:")
    assert world["railway"]["token"]
    assert deckwatch("config", "validate", "--config", world["config"]).code == 0


def test_every_account_of_the_world_is_good_and_its_services_are_listed(demo: Deckwatch) -> None:
    checked = demo("check", "--json")
    services = demo("services", "--json")

    assert (checked.code, services.code) == (0, 0), checked.err + services.err
    assert [row["provider"] for row in checked.rows()] == ["railway", "gitlab", "cloud66", "dokploy"]
    assert all(row["ok"] for row in checked.rows())
    rows = services.rows()
    statuses = {row["status"] for row in rows}
    assert {"live", "crashed"} <= statuses
    assert "unknown" not in statuses
    assert [*dict.fromkeys(row["account"] for row in rows)] == ["railway", "gitlab", "cloud66", "dokploy"]


def test_every_json_command_tells_the_four_platforms_apart(demo: Deckwatch) -> None:
    deployments = demo("deployments", "--since", "30m", "--json").rows()
    assert {row["service"].partition("/")[0] for row in deployments} == {"railway", "gitlab", "cloud66", "dokploy"}
    made = [datetime.fromisoformat(row["created_at"]) for row in deployments]
    assert made == sorted(made, reverse=True)
    brought = demo("changes", "payments/production/api@live", "--json").rows()
    assert brought[0]["kind"] == "merge_request"
    assert "/-/compare/" in brought[-1]["compare_url"]
    runtime = demo("logs", "tools/production/status-page", "shop/production/api", "--tail", "3", "--json")
    assert {row["service"].partition("/")[0] for row in runtime.rows()} == {"railway", "dokploy"}
    refused = demo("logs", "payments/production/api")
    assert refused.code != 0
    assert "GitLab does not offer runtime logs" in refused.err


def test_a_service_of_the_world_is_redeployed_followed_and_told_by_its_timeline(demo: Deckwatch) -> None:
    live = next(row for row in demo("services", "--json").rows() if row["status"] == "live" and row["live"])
    target = "/".join(live[key] for key in ("account", "project", "environment", "name"))

    acted = demo("act", "restart", target, "--yes", "--wait", "--json")
    timeline = demo("deployments", target, "--json").rows()

    assert acted.code == 0, acted.err
    assert acted.rows()[0]["outcome"] == "accepted"
    assert live["live"]["id"] in [row["id"] for row in timeline]
    assert [row["phase"] for row in demo("audit", "--json").rows()] == ["asked", "accepted", "final"]


def test_logs_of_the_world_are_old_lines_and_then_new_ones(demo: Deckwatch) -> None:
    rows = demo("services", "--json").rows()
    live = next(row for row in rows if row["status"] == "live" and row["live"])
    target = "/".join(live[key] for key in ("account", "project", "environment", "name"))

    old = demo("logs", target, "--tail", "5", "--json")
    assert old.code == 0, old.err
    assert 0 < len(old.rows()) <= 5
    with subprocess.Popen(
        [sys.executable, "-m", "tui", "logs", target, "-f", "--tail", "0", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=demo.env,
    ) as following:
        assert following.stdout is not None
        new = json.loads(following.stdout.readline())
        following.send_signal(signal.SIGINT)
        following.communicate(timeout=30)
    assert following.returncode == 130
    assert new["type"] == "line"
    assert datetime.fromisoformat(new["at"]) > datetime.fromisoformat(old.rows()[-1]["at"])


def test_the_demo_shows_the_board_and_leaves_no_file_and_no_process(deckwatch: Deckwatch) -> None:
    deckwatch.env["RAILWAY_TOKEN"] = "hunter2-hunter2"  # the demo looks at nothing of the user's

    with Typed(["demo", "--seed", "7"], deckwatch.env) as board:
        board.wait_for("Services")
        child = _child_of(board.pid)
        board.wait_for("api")
        board.press("\x03")
        board.press("\x03")
        assert board.ended() == 0

    assert list(deckwatch.home.iterdir()) == []
    assert not Path(f"/proc/{child}").exists()


def test_without_the_extra_the_demo_says_how_to_install_it(deckwatch: Deckwatch) -> None:
    hide = "import sys; sys.modules['starlette'] = None; sys.argv[1:] = ['demo']; from tui.cli import main; main()"

    done = subprocess.run(
        [sys.executable, "-c", hide], capture_output=True, text=True, env=deckwatch.env, timeout=60, check=False
    )

    assert done.returncode == 2
    assert 'Run: pip install "deckwatch[demo]"' in done.stderr
    assert "starlette" in done.stderr


def test_a_fault_that_is_not_known_is_told_before_anything_starts(deckwatch: Deckwatch) -> None:
    ended = deckwatch("demo", "--serve-only", "--fault", "429,slwo")

    assert (ended.code, ended.out) == (2, "")
    assert "there is no fault 'slwo'. There is: 429" in ended.err


def test_a_world_with_another_clock_is_told_by_check_and_ages_go_by_it(deckwatch: Deckwatch, tmp_path: Path) -> None:
    with DemoProcess("--fault", "skew", home=tmp_path, platforms="gitlab") as world:
        (told,) = deckwatch("check", "--json", "--config", world.config).rows()
        found = deckwatch("deployments", "--json", "--since", "1h", "--config", world.config).rows()
    assert told["clock_skew_s"] == pytest.approx(-43, abs=2)
    assert found
    assert all(each["duration_s"] is None or each["duration_s"] >= 0 for each in found)


async def test_a_world_that_does_not_start_is_told_with_its_last_words() -> None:
    with DemoWorld(["--no-such-option"]) as world:
        with pytest.raises(Unreachable, match=r"The simulated world did not start\.") as caught:
            await world.place("railway")

        assert "--no-such-option" in str(caught.value)


def _child_of(pid: int) -> int:
    (child,) = [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    os.kill(child, 0)
    return child
