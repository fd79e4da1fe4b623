"""Streams that cannot be written: an action's exit code stays its own, and a command that only reads ends in words."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Deckwatch

OFTEN = (["services"], ["config", "path"], ["--help"])
SELDOM = (
    ["services", "--json"],
    ["deployments"],
    ["changes", "production/api@live"],
    ["logs", "production/api"],
    ["check"],
    ["audit", "--json"],
    ["handover"],
    ["keys"],
    ["config", "show"],
    ["completions", "bash"],
    ["--version"],
)
ENDS = (
    *(("| true", reason, code) for reason, code in (("no", 3), ("lost", 4), ("bad build", 5), ("the cart", 0))),
    *((lost, "bad build", 5) for lost in (">/dev/full", ">&-", "2>&-", "2>/dev/full", ">&- 2>&-", "<&- >&-")),
)


@pytest.fixture
def prod(deckwatch: Deckwatch) -> Deckwatch:
    deckwatch.account("prod")
    deckwatch.settle(1)
    return deckwatch


def in_shell(deckwatch: Deckwatch, redirection: str, *arguments: str) -> tuple[int, str]:
    """Run the command with its streams redirected by a shell. Returns its exit code and what stderr has got."""
    done = subprocess.run(
        ["bash", "-c", f'set -o pipefail; "$@" {redirection}', "bash", sys.executable, "-m", "tui", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**deckwatch.env, "PYTHONPATH": f"{ROOT}{os.pathsep}{deckwatch.env['PYTHONPATH']}"},
        cwd=deckwatch.home,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert "Exception ignored" not in done.stderr, done.stderr
    return done.returncode, done.stderr


@pytest.mark.parametrize(("redirection", "reason", "code"), ENDS)
def test_an_action_ends_with_its_own_code_whoever_reads_the_words(
    prod: Deckwatch, redirection: str, reason: str, code: int
) -> None:
    verb = "redeploy" if reason in ("bad build", "the cart") else "stop"
    arguments = ["act", verb, "production/api", "--yes", "--reason", reason]

    ended, _ = in_shell(prod, redirection, *arguments, *(["--wait"] if verb == "redeploy" else []))

    assert ended == code
    phases = [row["phase"] for row in prod("audit", "--json").rows()]
    assert phases[0] == "asked"
    assert (phases[-1] == "final") == (verb == "redeploy"), "waiting goes on to the end of the action"


def test_a_full_disk_below_an_action_is_said_once_and_the_audit_stays_whole(prod: Deckwatch) -> None:
    code, words = in_shell(prod, ">/dev/full", "act", "redeploy", "production/api", "--yes", "--wait", "--json")

    assert code == 0
    assert words.count("No space left on device") == 1
    assert [row["phase"] for row in prod("audit", "--json").rows()] == ["asked", "accepted", "final"]


@pytest.mark.parametrize("arguments", [*OFTEN, *SELDOM])
def test_a_command_that_reads_says_that_its_results_cannot_be_written(prod: Deckwatch, arguments: list[str]) -> None:
    if arguments[0] == "audit":
        prod("act", "redeploy", "production/api", "--yes")

    left, full = in_shell(prod, "| true", *arguments), in_shell(prod, ">/dev/full", *arguments)

    assert (left[0], "stdout" in left[1]) == (0, False), "a reader that leaves is no fault"
    assert full[0] == 1
    assert full[1].endswith("deckwatch: The results cannot be written to stdout: No space left on device.\n")


@pytest.mark.parametrize("arguments", OFTEN)
def test_a_closed_stream_is_as_good_as_a_full_one(prod: Deckwatch, arguments: list[str]) -> None:
    closed = in_shell(prod, ">&-", *arguments)

    assert closed == (1, "deckwatch: The results cannot be written to stdout: Bad file descriptor.\n")
    assert in_shell(prod, "2>&-", *arguments) == (0, "")


@pytest.mark.parametrize(("redirection", "code"), [("| true", 0), (">/dev/full", 1), (">&-", 1)])
def test_a_followed_log_ends_where_nobody_can_read_it(deckwatch: Deckwatch, redirection: str, code: int) -> None:
    deckwatch.account("prod", ["endless"])

    for targets in (["production/api"], ["production/api", "worker"]):
        assert in_shell(deckwatch, redirection, "logs", *targets, "-f")[0] == code


@pytest.mark.parametrize("redirection", [">/dev/full", ">&-"])
def test_a_world_whose_addresses_nobody_gets_is_not_served(deckwatch: Deckwatch, redirection: str) -> None:
    code, words = in_shell(deckwatch, redirection, "demo", "--serve-only")

    assert (code, words.partition(":")[0]) == (1, "The addresses cannot be written to stdout")


def test_a_closed_stream_gives_its_number_to_no_file_of_ours(prod: Deckwatch) -> None:
    in_shell(prod, ">&- 2>&-", "act", "redeploy", "production/api", "--yes", "--json")

    assert [row["phase"] for row in prod("audit", "--json").rows()] == ["asked", "accepted"]
    assert prod("audit").err == "", "no line of the file is torn"


def test_words_that_the_encoding_does_not_have_are_escaped(prod: Deckwatch, tmp_path: Path) -> None:
    prod.env["PYTHONIOENCODING"] = "ascii"
    folder = tmp_path / "schön"
    folder.mkdir()
    (folder / "c.toml").write_text(prod.config.read_text())

    ended = prod("config", "path", "--config", str(folder / "c.toml"))

    assert (ended.code, ended.out) == (0, f"{tmp_path}/sch\\xf6n/c.toml\n")
