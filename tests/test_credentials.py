"""A token is read from where it is kept, and from nowhere else; what is said never holds it."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import time
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


def test_a_command_that_waits_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = f"sleep 1000 & echo $! >> {pids}; (sleep 1000; true) & echo $! >> {pids}; wait"

    refused(TokenSource(command=("sh", "-c", script)), timeout_s=1.0)

    for pid in pids.read_text().split():
        assert _ends(int(pid))


def test_a_command_that_closes_its_output_and_waits_is_ended_in_time() -> None:
    said = refused(TokenSource(command=("sh", "-c", "echo x; exec >&-; sleep 1000")), timeout_s=0.5)

    assert "gave no token within" in said


def test_what_a_command_leaves_in_the_background_does_not_cost_its_token(tmp_path: Path) -> None:
    """An agent that it starts keeps its output open."""
    pid = tmp_path / "pid"
    script = f"sleep 1000 & echo $! > {pid}; echo {TOKEN}"

    try:
        assert resolve(TokenSource(command=("sh", "-c", script)), timeout_s=20.0).reveal() == TOKEN
        assert _is_alive(int(pid.read_text())), "it may be an agent that others use"
    finally:
        os.kill(int(pid.read_text()), signal.SIGKILL)


@pytest.mark.parametrize("command", ["yes", "head -c 200000 /dev/zero | tr '\\0' a", "cat /dev/zero"])
def test_a_command_that_says_too_much_is_no_token(command: str) -> None:
    assert "more than a token" in refused(TokenSource(command=("sh", "-c", command)), timeout_s=20.0)


@pytest.mark.parametrize(
    "command",
    [
        ("no-such-program", TOKEN),
        ("sh", "-c", f"exit 3 # {TOKEN}"),
        ("sh", "-c", f"echo two words # {TOKEN}"),
        ("sh", "-c", f": {TOKEN}"),
        ("sh", "-c", f"sleep 1000 # {TOKEN}"),
        ("/dev/null", TOKEN),
        ("/", TOKEN),
    ],
)
def test_no_argument_of_a_command_is_ever_said(command: tuple[str, ...]) -> None:
    """It may be a password."""
    source = TokenSource(command=command)

    said = refused(source, timeout_s=0.5)

    assert command[0] in said
    assert TOKEN not in str(source)


def test_a_byte_order_mark_is_no_part_of_a_token(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_bytes(b"\xef\xbb\xbf" + TOKEN.encode() + b"\r\n")
    path.chmod(0o600)

    assert resolve(TokenSource(file=str(path))).reveal() == TOKEN
    assert resolve(TokenSource(env="T"), environ={"T": f"\ufeff{TOKEN}"}).reveal() == TOKEN


def test_a_token_file_without_an_end_is_no_token(tmp_path: Path) -> None:
    path = tmp_path / "token"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    path.chmod(0o600)

    assert "more than a token" in refused(TokenSource(file=str(path)))
    os.mkfifo(tmp_path / "pipe", 0o600)
    assert "it is not a regular file" in refused(TokenSource(file=str(tmp_path / "pipe")))


def test_a_home_that_nobody_knows_is_told_with_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "~nobody-of-that-name/token" in refused(TokenSource(file="~nobody-of-that-name/token"))


def _ends(pid: int) -> bool:
    """Wait until it has: a kill is not done when it returns."""
    until, pause = time.monotonic() + 30.0, threading.Event()
    while _is_alive(pid) and time.monotonic() < until:
        pause.wait(0.01)
    return not _is_alive(pid)


def _is_alive(pid: int) -> bool:
    """False for what has ended, also where nobody has waited for it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_a_command_has_no_terminal_to_ask_on() -> None:
    asks = "import os\ntry: os.open('/dev/tty', os.O_RDWR)\nexcept OSError: print('none')"

    assert resolve(TokenSource(command=(sys.executable, "-c", asks))).reveal() == "none"
