"""Places that people start it in: no home that can be written, a locked audit log, half a configuration."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cli.conftest import Deckwatch
from tests.locking import locked


@pytest.fixture
def prod(deckwatch: Deckwatch) -> Deckwatch:
    deckwatch.account("prod")
    return deckwatch


@pytest.fixture(params=["HOME", "a file in the way"])
def unwritable(request: pytest.FixtureRequest, prod: Deckwatch, tmp_path: Path) -> Deckwatch:
    """A place where no state can be kept."""
    if request.param == "HOME":
        prod.env["HOME"] = "/proc"
    else:
        (tmp_path / "file").write_text("")
        prod.env["XDG_STATE_HOME"] = str(tmp_path / "file")
    return prod


@pytest.mark.parametrize(
    "arguments",
    [["services"], ["deployments"], ["logs", "production/api"], ["check"], ["audit"], ["handover"], ["keys"]],
)
def test_what_only_looks_needs_no_home(unwritable: Deckwatch, arguments: list[str]) -> None:
    ended = unwritable(*arguments, "--config", str(unwritable.config))

    assert ended.code == 0, ended.err


def test_nothing_is_done_where_no_line_of_the_audit_can_be_written(unwritable: Deckwatch) -> None:
    ended = unwritable("act", "redeploy", "production/api", "--yes", "--config", str(unwritable.config))

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("deckwatch: Nothing was done: the audit log ")
    assert "never sent" in ended.err
    assert "request" not in ended.err, "it is not even asked for"


def test_what_must_be_written_says_that_it_cannot(unwritable: Deckwatch, tmp_path: Path) -> None:
    shift = tmp_path / "shift.md"
    note = {"type": "acknowledgement", "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", "user": "bob", "key": "k"}
    shift.write_text(f"```deckwatch-notes\n{json.dumps(note)}\n```\n")

    ended = unwritable("handover", "--load", str(shift))

    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("deckwatch: The notes cannot be kept: ")


def test_a_locked_audit_log_ends_an_action_in_time_before_anything_is_sent(prod: Deckwatch) -> None:
    prod("act", "redeploy", "production/api", "--yes")

    with locked(prod.state / "audit.jsonl"):
        ended = prod("act", "redeploy", "production/api", "--yes", "--json")
        read = prod("audit", "--json")

    assert (ended.code, [row["outcome"] for row in ended.rows()]) == (3, ["refused"])
    assert ended.rows()[0]["message"].startswith("Nothing was done: another process keeps the audit log ")
    assert [row["phase"] for row in read.rows()] == ["asked", "accepted"], "reading waits for no lock"
    assert prod("act", "redeploy", "production/api", "--yes").code == 0


def test_ctrl_c_ends_an_action_that_waits_for_the_audit_log(prod: Deckwatch) -> None:
    prod("act", "redeploy", "production/api", "--yes")

    with (
        locked(prod.state / "audit.jsonl"),
        subprocess.Popen(
            [sys.executable, "-m", "tui", "act", "redeploy", "production/api", "--yes"],
            stderr=subprocess.PIPE,
            env=prod.env,
            text=True,
        ) as child,
    ):
        assert child.stderr is not None
        while "request" not in child.stderr.readline():
            pass
        pressed = time.monotonic()
        child.send_signal(signal.SIGINT)
        words = child.stderr.read()
        assert child.wait(timeout=60) == 130
        assert time.monotonic() - pressed < 4.0, "it does not wait for the lock any longer"

    assert "Traceback" not in words
    assert len(prod("audit", "--json").rows()) == 2


def test_half_a_pair_of_variables_is_said_by_every_command(deckwatch: Deckwatch) -> None:
    alone = deckwatch("services", GITLAB_TOKEN="hunter2-hunter2")
    beside = deckwatch("config", "validate", GITLAB_TOKEN="hunter2-hunter2", CLOUD66_TOKEN="hunter2-hunter2")

    assert (alone.code, beside.code) == (2, 0)
    for ended in (alone, beside):
        assert "GITLAB_TOKEN is set, but GITLAB_HOST is not" in ended.err


def test_a_configuration_that_others_may_write_is_said(prod: Deckwatch) -> None:
    prod.config.chmod(0o666)

    ended = prod("services")

    assert (ended.code, "others may write it (mode 0666)" in ended.err) == (0, True)
    prod.config.write_text(prod.config.read_text().replace('{ env = "STORY_TOKEN" }', '{ command = ["pass", "x"] }'))
    refused = prod("services")
    assert (refused.code, refused.out) == (2, "")
    assert "no command is started from this file: others may write it (mode 0666). Run: chmod go-w" in refused.err


def test_check_says_where_a_token_goes_in_the_clear(deckwatch: Deckwatch) -> None:
    deckwatch.account("prod", more='url = "http://ops.example.org"\n')
    deckwatch.account("local", more='url = "http://127.0.0.1:1"\n')

    prod, local = deckwatch("check", "--json").rows()

    said = "The token goes over the network in the clear: http://ops.example.org is not https."
    assert (said in prod["problems"], said in local["problems"]) == (True, False)


def test_a_pipe_in_the_place_of_the_diagnostics_blocks_nothing(prod: Deckwatch) -> None:
    prod.state.mkdir(parents=True)
    os.mkfifo(prod.state / "diagnostics.log")
    prod.account("broken", ["bug"])

    ended = prod("services")

    assert (ended.code, "a fault inside deckwatch" in ended.err) == (1, True)
