"""config, keys, completions: what deckwatch is told, and what it tells of itself."""

from __future__ import annotations

import os
import re
from pathlib import Path

import click
import msgspec
from msgspec.structs import fields

from tui.cli import output
from tui.cli.exits import Exit, Fault, outlive_reader, tell
from tui.cli.keymap import by_id, name
from tui.cli.options import Common, as_json, common
from tui.config import AccountConfig, Config, config_path
from tui.credentials import TokenSource
from tui.keys import ACTIONS

TEMPLATE = """\
# deckwatch. An unknown key or a bad value stops the start and is named with its line.
# After a change: deckwatch config validate, then deckwatch check.

# [[account]]
# name = "prod"                           # unique; shown everywhere
# provider = "railway"                    # railway | gitlab | cloud66 | dokploy
# url = "https://..."                     # the platform's own by default; dokploy has none
# token = { env = "RAILWAY_API_TOKEN" }   # or { file = "~/.secrets/railway" }  (mode 0600)
#                                         # or { command = ["pass", "show", "railway"] }
#                                         # or { keyring = "railway" }
# projects = ["shop"]                     # only these; without it all that the token sees
#                                         # gitlab must name them: ["acme/shop", "acme/payments/*"]
# read_only = false                       # true: look, don't touch
# ca_file = "/etc/ssl/corp.pem"           # TLS is always verified
# production = ["production", "prod*"]    # environments where an action wants the service's name typed

# [[account]]
# name = "stacks"
# provider = "cloud66"
# token = { env = "CLOUD66_TOKEN" }
# live_logs = "https://sockets.cloud66.com/push"   # deploy logs as they are written: Cloud 66 does not document it,
#                                         # and without it there are only those that are kept

[ui]
# theme = "nord"
# frames_per_second = 15                  # 1 to 60; without it chosen by the link
# timestamps = "local"                    # off | relative | local | utc
# wrap = false
# bell = true                             # rings once for each new alert, at most 5 a minute
# notify = "auto"                         # auto | osc9 | osc777 | desktop | off: the same as a notification;
#                                         # auto: OSC 9 or 777, by the terminal; desktop: notify-send, not over SSH.
#                                         # In tmux only with: set -g allow-passthrough on
# mouse = false
# color = "auto"                          # auto | truecolor | 256 | 16 | none
# link = "auto"                           # auto | fast | slow: slow draws less

[logs]
# lines = 1_000_000                       # held of one log; older ones are dropped, and counted on the screen
# bytes = 67_108_864                      # held of one log, compressed
# total_bytes = 268_435_456               # held of all logs together; the largest loses its oldest lines first
# spool = false                           # true: older lines go to files under the state directory
# spool_bytes = 1_073_741_824             # of these files
# keep_spool = false                      # true: they stay at the end; zcat shows them

[actions]
# settle = 60                             # seconds that what went live must stay healthy before its action is done
# at_once = 3                             # of several actions confirmed together, so many under way at a time

[keys]
# redeploy = "R"                          # action = "key" or ["key", ...]; the names: deckwatch keys

# [[view]]
# name = "night"
# accounts = ["prod"]
# filter = ""
# log_filter = ""
"""


@click.group()
def config() -> None:
    """The configuration file: begin one, look at it, check it."""


@config.command()
@common
def init(options: Common) -> None:
    """Write a commented file, readable by you alone."""
    outlive_reader()
    path = _path(options)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Fault(f"There is a file already: {path}. It is left as it is.", Exit.USAGE) from None
    except OSError as error:
        raise Fault(f"{path} cannot be written: {error.strerror}.", Exit.FAULT) from None
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(TEMPLATE)
    output.line(str(path))


@config.command()
@common
def show(options: Common) -> None:
    """The configuration as it is understood, secrets masked."""
    found = options.load()
    tell(f"# {found.path or 'from the environment; there is no file'}")
    output.line(_toml(found).rstrip())


@config.command("path")
@common
def path_(options: Common) -> None:
    """Where the file is, or would be."""
    output.line(str(_path(options)))


@config.command()
@common
def validate(options: Common) -> None:
    """Whether the file can be used; exit code 2 and the line when not."""
    found = options.load()
    names = ", ".join(account.name for account in found.accounts) or "none"
    for notice in found.notices:
        tell(f"deckwatch: {notice}")
    output.line(f"{found.path or 'the environment'}: good. Accounts: {names}.")


@click.command()
@as_json
@common
def keys(options: Common, *, json: bool) -> None:
    """Every key of the board and what it does, as configured."""
    changed = by_id(options.load().keys)
    rows = [(action, changed.get(action.id, action.keys)) for action in ACTIONS]
    if json:
        for action, its_keys in rows:
            output.emit(
                {
                    "type": "key",
                    "action": name(action),
                    "keys": list(its_keys),
                    "help": action.help,
                    "group": action.group,
                    "verb": action.verb,
                }
            )
    else:
        output.columns(
            ("KEYS", "ACTION", "WHAT IT DOES"),
            [("  ".join(its_keys), name(action), action.help) for action, its_keys in rows],
        )


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completions(context: click.Context, shell: str) -> None:
    """The shell's completion script; source it from the shell's start-up file."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None  # the choices are those that click has
    root = context.find_root()
    output.line(kind(root.command, {}, "deckwatch", "_DECKWATCH_COMPLETE").source())


def _path(options: Common) -> Path:
    return options.config or config_path()


def _toml(config: Config) -> str:
    blocks = [_table("[[account]]", _account(account)) for account in config.accounts]
    blocks.append(_table("[ui]", {f.name: getattr(config.ui, f.name) for f in fields(config.ui)}))
    blocks.append(_table("[logs]", {f.name: getattr(config.logs, f.name) for f in fields(config.logs)}))
    blocks.append(_table("[actions]", {f.name: getattr(config.actions, f.name) for f in fields(config.actions)}))
    if config.keys:
        blocks.append(_table("[keys]", dict(config.keys)))
    blocks += [_table("[[view]]", {f.name: getattr(view, f.name) for f in fields(view)}) for view in config.views]
    return "\n".join(blocks)


def _account(account: AccountConfig) -> dict[str, object]:
    values: dict[str, object] = {f.name: getattr(account, f.name) for f in fields(account)}
    return {
        **values,
        "token": _token(account.token),
        "url": account.url and re.sub(r"//[^/@]*@", "//***@", account.url),
    }


def _token(source: TokenSource) -> dict[str, object]:
    """Where it is kept, never what it is. A command's arguments may hold anything."""
    if source.command is not None:
        return {"command": [source.command[0], *("***" for _ in source.command[1:])]}
    return {f.name: getattr(source, f.name) for f in fields(source) if getattr(source, f.name) is not None}


def _table(header: str, values: dict[str, object]) -> str:
    lines = [f"{key} = {_value(value)}" for key, value in values.items() if value is not None]
    return "\n".join([header, *lines]) + "\n"


def _value(value: object) -> str:
    match value:
        case dict():
            return "{ " + ", ".join(f"{key} = {_value(each)}" for key, each in value.items()) + " }"
        case list() | tuple():
            return "[" + ", ".join(_value(each) for each in value) + "]"
        case bool() | int():
            return str(value).lower()
        case _:
            return msgspec.json.encode(str(value)).decode()  # a JSON string is a TOML string
