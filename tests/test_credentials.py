"""A token is read from where it is kept, and from nowhere else; what is said never holds it."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import pytest

from tui.credentials import CredentialError, Secret, TokenSource, resolve

TOKEN = "hunter2-hunter2"


def refused(source: TokenSource, environ: dict[str, str] | None = None, timeout_s: float = 10.0) -> str:
    with pytest.raises(CredentialError) as caught:
        resolve(source, environ=environ or {}, timeout_s=timeout_s)
    assert TOKEN not in str(caught.value)
    assert TOKEN not in repr(caught.value.__cause__)
    return str(caught.value)


def test_a_secret_shows_itself_nowhere() -> None:
    secret = Secret(TOKEN)

    assert TOKEN not in f"{secret} {secret!r} {[secret]}"
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def test_a_token_comes_from_a_variable() -> None:
    assert resolve(TokenSource(env="T"), environ={"T": f"{TOKEN}\n"}).reveal() == TOKEN
    assert "variable T is not set" in refused(TokenSource(env="T"))
    assert "holds no token" in refused(TokenSource(env="T"), {"T": " "})
    assert "more than a token" in refused(TokenSource(env="T"), {"T": f"Bearer {TOKEN}"})


def test_a_token_comes_from_a_file_that_only_its_owner_can_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    path = tmp_path / "token file"
    path.write_text(f"{TOKEN}\n")
    path.chmod(0o600)
    assert resolve(TokenSource(file="~/token file")).reveal() == TOKEN

    path.chmod(0o640)
    assert refused(TokenSource(file="~/token file")).endswith(f"Run: chmod 600 '{path}'")


def test_a_missing_or_unreadable_token_file_is_told_with_its_path(tmp_path: Path) -> None:
    assert f"no token file {tmp_path}/none" in refused(TokenSource(file=str(tmp_path / "none")))
    assert f"{tmp_path} cannot be read" in refused(TokenSource(file=str(tmp_path)))


def test_a_token_comes_from_a_command_that_runs_without_a_shell() -> None:
    echo = (sys.executable, "-c", "import sys; print(sys.argv[1])")

    assert resolve(TokenSource(command=(*echo, TOKEN))).reveal() == TOKEN
    assert resolve(TokenSource(command=(*echo, "$HOME;id"))).reveal() == "$HOME;id"


def test_a_failing_command_is_told_without_its_output() -> None:
    said = refused(TokenSource(command=(sys.executable, "-c", f"import sys; sys.exit('{TOKEN[:7]}' + '{TOKEN[7:]}')")))

    assert "exit code 1" in said
    assert "there is no no-such-program" in refused(TokenSource(command=("no-such-program", "x")))


def test_a_command_that_waits_is_ended_in_time() -> None:
    said = refused(TokenSource(command=(sys.executable, "-c", "import signal; signal.pause()")), timeout_s=0.5)

    assert "gave no token within" in said


def test_a_command_has_no_terminal_to_ask_on() -> None:
    asks = "import os\ntry: os.open('/dev/tty', os.O_RDWR)\nexcept OSError: print('none')"

    assert resolve(TokenSource(command=(sys.executable, "-c", asks))).reveal() == "none"
