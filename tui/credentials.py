"""Secrets: where they are read from, and a wrapper that keeps them out of everything that prints."""

from __future__ import annotations

import os
import re
import select
import shlex
import signal
import stat
import subprocess
from base64 import b64encode
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from time import monotonic

from msgspec import Struct

COMMAND_TIMEOUT_S = 30.0
KEYRING_SERVICE = "deckwatch"
LONGEST = 65_536  # bytes of a token, and of what is in its place

_LOOK_S = 0.02  # between two looks whether a command has ended


_KNOWN: set[Secret] = set()


def known() -> frozenset[Secret]:
    """Every secret this process has read: what is written to a file is freed of them (`model.mask`)."""
    return frozenset(_KNOWN)


class Secret:
    """A token. Neither repr, str nor format shows it, and it does not pickle; `reveal()` is for the one header."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value
        _KNOWN.add(self)

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret('***')"

    __str__ = __repr__

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a secret is not pickled")


SHORTEST = 8
"""Characters of a credential that is masked: a shorter one would take ordinary words with it."""


def masked(text: str, secrets: Iterable[Secret] | None = None) -> str:
    """Replace our own credentials, as they are, percent-encoded, escaped as in JSON, or inside base64.

    `secrets` None: every credential this process has read.
    """
    for secret in known() if secrets is None else secrets:
        if len(secret.reveal()) >= SHORTEST:
            probes, written = _written(secret)
            if "%" in text or "\\" in text or any(probe in text for probe in probes):
                text = written.sub("***(credential)", text)
    return text


@lru_cache(maxsize=64)
def _written(secret: Secret) -> tuple[tuple[str, ...], re.Pattern[str]]:
    """The expression that finds a credential, and parts of which one stands in every text without escapes it finds."""
    plain = secret.reveal()
    encoded = [_base64(plain.encode(), shift) for shift in range(3)]
    probes = [max(re.split(r"[+/]", each), key=len) for each in encoded]
    forms = [plain, *encoded]
    return (plain, *probes), re.compile("|".join("".join(map(_sign, form)) for form in forms))


def _base64(content: bytes, shift: int) -> str:
    """The signs of base64 that belong to `content` alone, where it begins `shift` bytes into a group of three."""
    begin, end = -(-shift * 8 // 6), (shift + len(content)) * 8 // 6
    return b64encode(bytes(shift) + content).decode()[begin:end]


def _sign(sign: str) -> str:
    """One sign of it in every way it may be written; the alphabets of base64 differ in two."""
    escaped = rf"(?i:%(?:25)*{ord(sign):02x}|\\u00{ord(sign):02x})"
    same = {"+": r"\+|-", "/": r"\\?/|_"}.get(sign, re.escape(sign))
    return f"(?:{same}|{escaped})"


class CredentialError(Exception):
    """The token cannot be read. The message says where it was looked for and what to do now, never what was found."""


class TokenSource(Struct, frozen=True):
    """Where an account's token is kept: exactly one of the four."""

    env: str | None = None
    file: str | None = None
    command: tuple[str, ...] | None = None
    keyring: str | None = None

    def __str__(self) -> str:
        if self.env is not None:
            return f"environment variable {self.env}"
        if self.file is not None:
            return f"file {self.file}"
        if self.command is not None:
            return f"command {self.command[0]}"  # its arguments may hold anything
        return f"keyring entry {self.keyring}"


def resolve(
    source: TokenSource, *, environ: Mapping[str, str] = os.environ, timeout_s: float = COMMAND_TIMEOUT_S
) -> Secret:
    """Reads the token; may block on a command or a keyring. Raises CredentialError."""
    if source.env is not None:
        value = _from_environment(source.env, environ)
    elif source.file is not None:
        value = _from_file(Path(os.path.expanduser(source.file)))
    elif source.command is not None:
        value = _from_command(source.command, timeout_s)
    else:
        value = _from_keyring(source.keyring or "")
    return Secret(_checked(value, source))


def _checked(value: str, source: TokenSource) -> str:
    value = value.strip().removeprefix("\ufeff")
    if not value:
        raise CredentialError(f"The {source} holds no token: it is empty. Put the token there.")
    if not (value.isascii() and value.isprintable()) or " " in value or len(value) >= LONGEST:
        raise CredentialError(
            f"The {source} holds more than a token: blanks, several lines or signs that no token has. "
            "Leave the token alone there."
        )
    return value


def _from_environment(name: str, environ: Mapping[str, str]) -> str:
    if name not in environ:
        raise CredentialError(f"The environment variable {name} is not set. Set it, or change `token` in the config.")
    return environ[name]


def _from_file(path: Path) -> str:
    try:
        # Non-blocking: a pipe that nobody writes to would be waited for.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            found = os.fstat(file.fileno())
            mode = stat.S_IMODE(found.st_mode)
            if not stat.S_ISREG(found.st_mode):
                raise CredentialError(f"The token file {path} cannot be read: it is not a regular file.")
            if mode & 0o077:  # looked up on what was opened, so that nothing can be swapped in between
                raise CredentialError(
                    f"The token file {path} can be read by others (mode {mode:04o}), so it is not used. "
                    f"Run: chmod 600 {shlex.quote(str(path))}"
                )
            return file.read(LONGEST).decode()
    except FileNotFoundError:
        raise CredentialError(f"There is no token file {path}. Write the token there, mode 0600.") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise CredentialError(f"The token file {path} cannot be read: {reason}.") from None


def _from_command(command: tuple[str, ...], timeout_s: float) -> str:
    """Return the command's stdout. It has no terminal to ask on: the board may own it. Its stderr and its arguments
    could hold the secret, so they are not shown."""
    argv = [os.path.expanduser(part) for part in command]
    try:
        with subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            said = _said(process, timeout_s)
    except FileNotFoundError:
        raise CredentialError(f"The token command cannot be run: there is no {command[0]}.") from None
    except OSError as error:
        raise CredentialError(f"The token command {command[0]} cannot be run: {error.strerror}.") from None
    if said is None:
        raise CredentialError(
            f"The token command {command[0]} gave no token within {timeout_s:.0f} s. "
            "Run it once in a shell; if it asks for a passphrase there, it cannot ask here."
        )
    if process.returncode != 0 and len(said) < LONGEST:
        raise CredentialError(
            f"The token command {command[0]} failed with exit code {process.returncode}. Run it in a shell to see why."
        )
    return said.decode("utf-8", "replace")


def _said(process: subprocess.Popen[bytes], timeout_s: float) -> bytes | None:
    """Return what the process writes until it ends; None after `timeout_s`.

    Something that it left in the background may keep its output open, and does not have to end. What is still running
    of it at the limit is killed with its group.
    """
    assert process.stdout is not None
    output = process.stdout.fileno()
    os.set_blocking(output, False)
    until, said = monotonic() + timeout_s, b""
    while monotonic() < until and len(said) < LONGEST:
        ended = process.poll() is not None
        ready, _, _ = select.select([output], [], [], 0 if ended else _LOOK_S)
        more = os.read(output, LONGEST) if ready else b""
        said += more
        if ended and not more:
            return said
        if ready and not more:  # closed; the process itself may go on
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, until - monotonic()))
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    return said if len(said) >= LONGEST else None


def _from_keyring(name: str) -> str:
    try:
        import keyring
        import keyring.errors
    except ImportError:
        raise CredentialError(
            f'token = {{ keyring = "{name}" }} needs the package keyring. Run: pip install "deckwatch[keyring]"'
        ) from None
    try:
        value: str | None = keyring.get_password(KEYRING_SERVICE, name)
    except keyring.errors.KeyringError as error:
        why = " ".join("".join(sign if sign.isprintable() else " " for sign in str(error)).split()).rstrip(".")
        raise CredentialError(f"The keyring cannot be read ({why or 'it does not say why'}). Is it unlocked?") from None
    if value is None:
        raise CredentialError(
            f"The keyring has no entry {name} for {KEYRING_SERVICE}. Run: keyring set {KEYRING_SERVICE} {name}"
        )
    return value
