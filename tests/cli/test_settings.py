"""config, keys, completions, and what is said of wrong usage."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

import pytest

from tests.cli.conftest import Deckwatch
from tui import __version__
from tui.cli.keymap import names
from tui.config import parse


def test_the_configuration_that_init_writes_is_private_and_good(deckwatch: Deckwatch) -> None:
    begun = deckwatch("config", "init")

    assert (begun.code, begun.out) == (0, f"{deckwatch.config}\n")
    assert deckwatch.config.stat().st_mode & 0o777 == 0o600
    assert deckwatch("config", "validate").out == f"{deckwatch.config}: good. Accounts: none.\n"
    again = deckwatch("config", "init")
    assert (again.code, "left as it is" in again.err) == (2, True)


def test_every_example_in_the_written_file_is_good_when_its_mark_is_taken_away(deckwatch: Deckwatch) -> None:
    deckwatch("config", "init")
    marked = re.compile(r"^# (?=\[\[|\w+ = )", re.MULTILINE)
    text = marked.sub("", deckwatch.config.read_text())
    text = re.sub("^ca_file.*$", "", text, flags=re.MULTILINE)  # the one example that names a file

    config = parse(text, deckwatch.config, providers=["railway", "cloud66"], actions=names())

    assert (config.accounts[0].name, config.ui.theme, config.keys, config.views[0].name) == (
        "prod",
        "nord",
        {"redeploy": ("R",)},
        "night",
    )


def test_a_fault_in_the_configuration_ends_every_command_with_2_and_the_line(deckwatch: Deckwatch) -> None:
    deckwatch.account("prod", more="reed_only = true\n")

    for command in (["services"], ["config", "validate"], ["check"], []):
        ended = deckwatch(*command)
        assert (ended.code, ended.out) == (2, "")
        assert ended.err == (f"deckwatch: {deckwatch.config}:6: unknown key 'reed_only'. Did you mean 'read_only'?\n")


def test_show_names_where_a_token_is_kept_and_never_what_it_is(deckwatch: Deckwatch) -> None:
    deckwatch.account("prod")
    deckwatch.config.write_text(
        deckwatch.config.read_text().replace('{ env = "STORY_TOKEN" }', '{ command = ["echo", "hunter2-hunter2"] }')
    )

    shown = deckwatch("config", "show").out

    assert 'token = { command = ["echo", "***"] }' in shown
    parse(shown, deckwatch.config, providers=["story"])


def test_another_file_and_an_unknown_account_are_told(deckwatch: Deckwatch) -> None:
    deckwatch.account("prod")

    assert deckwatch("config", "path", "--config", "/nowhere/x.toml").out == "/nowhere/x.toml\n"
    missing = deckwatch("services", "--config", "/nowhere/x.toml")
    assert (missing.code, "There is no file /nowhere/x.toml" in missing.err) == (2, True)
    unknown = deckwatch("services", "--account", "pord")
    assert (unknown.code, "There is: prod" in unknown.err) == (2, True)


def test_keys_tells_every_action_as_configured(deckwatch: Deckwatch) -> None:
    deckwatch.config.parent.mkdir(parents=True)
    deckwatch.config.write_text('[keys]\nredeploy = "ctrl+e"\n')

    rows = {row["action"]: row for row in deckwatch("keys", "--json").rows()}

    assert set(rows) == set(names())
    assert rows["redeploy"]["keys"] == ["ctrl+e"]
    assert (rows["redeploy"]["verb"], rows["down"]["keys"]) == ("redeploy", ["j", "down"])
    assert "ctrl+e" in deckwatch("keys").out


def test_every_action_has_a_name_of_its_own() -> None:
    assert len(set(names())) == len(names())


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes_commands_with_the_script_it_is_given(deckwatch: Deckwatch) -> None:
    script = deckwatch("completions", "bash").out
    command = deckwatch.home / "deckwatch"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m tui "$@"\n')
    command.chmod(0o755)
    ask = 'COMP_WORDS=(deckwatch ser); COMP_CWORD=1; _deckwatch_completion deckwatch; echo "${COMPREPLY[@]}"'
    done = subprocess.run(
        ["bash", "-c", f"{script}\n{ask}"],
        capture_output=True,
        text=True,
        env={**deckwatch.env, "PATH": f"{deckwatch.home}{os.pathsep}{deckwatch.env['PATH']}"},
        timeout=60,
        check=False,
    )
    assert done.stdout.split() == ["services"]


def test_the_version_is_told(deckwatch: Deckwatch) -> None:
    assert deckwatch("--version").out == f"deckwatch {__version__}\n"


def test_options_in_front_of_the_command_are_refused_not_ignored(deckwatch: Deckwatch) -> None:
    ended = deckwatch("--read-only", "services")

    assert (ended.code, "after the command" in ended.err) == (2, True)


def test_the_board_without_a_terminal_says_what_to_use(deckwatch: Deckwatch) -> None:
    for command in ([], ["watch"]):
        ended = deckwatch(*command)
        assert (ended.code, ended.out) == (2, "")
        assert "needs a terminal" in ended.err
        assert "deckwatch services" in ended.err
