"""The configuration: a TOML file, or the platforms' usual environment variables, as one frozen value.

What is written wrong stops the start with the file, the line and the nearest key there is: an account that is silently
left out, or a read_only that is silently not meant, would be worse than no board.
"""

from __future__ import annotations

import errno
import os
import re
import shlex
from collections.abc import Collection, Mapping
from enum import StrEnum
from pathlib import Path as FilePath
from typing import Any, TypeVar, get_type_hints

from msgspec import Struct, field
from msgspec.structs import replace

from tui.credentials import TokenSource
from tui.file_trust import others_may_write
from tui.toml_lines import Path, line_of

T = TypeVar("T")

PRODUCTION = ("production", "prod*")
THEMES = frozenset(
    """
    ansi-dark ansi-light atom-one-dark atom-one-light catppuccin-frappe catppuccin-latte catppuccin-macchiato
    catppuccin-mocha dracula flexoki gruvbox monokai nord rose-pine rose-pine-dawn rose-pine-moon solarized-dark
    solarized-light textual-dark textual-light tokyo-night
    """.split()  # noqa: SIM905 - one name a line would be a page
)
"""Textual's own, named here so that a config is checked without loading Textual."""

URL_REQUIRED = frozenset({"dokploy"})  # nobody's cloud: there is no address of the platform's own
URL_WITH_QUERY = frozenset({"railway"})  # one address for everything: the rest add paths to theirs
LIVE_LOGS = frozenset({"cloud66"})  # the rest push their logs from the same address, or not at all
PROJECTS_REQUIRED = frozenset({"gitlab"})  # everything a GitLab token sees is thousands of projects

LEAST_OF_LOGS = {"lines": 1000, "bytes": 1 << 20, "total_bytes": 1 << 20, "spool_bytes": 1 << 20}


class Timestamps(StrEnum):
    OFF = "off"
    RELATIVE = "relative"
    LOCAL = "local"
    UTC = "utc"


class Color(StrEnum):
    AUTO = "auto"
    TRUECOLOR = "truecolor"
    PALETTE_256 = "256"
    PALETTE_16 = "16"
    NONE = "none"


class Link(StrEnum):
    AUTO = "auto"
    FAST = "fast"
    SLOW = "slow"


class Notify(StrEnum):
    """How a new alert is told beside the bell."""

    AUTO = "auto"  # OSC 9 or 777, by the terminal
    OSC9 = "osc9"
    OSC777 = "osc777"
    DESKTOP = "desktop"  # notify-send
    OFF = "off"


class ConfigError(Exception):
    """The message names the file, the line, and what to write instead."""


class AccountConfig(Struct, frozen=True):
    name: str
    provider: str
    token: TokenSource
    url: str | None = None  # None: the platform's own
    projects: tuple[str, ...] = ()
    read_only: bool = False
    ca_file: FilePath | None = None
    live_logs: str | None = None  # cloud66: where deploy logs are pushed from; None: not wanted
    production: tuple[str, ...] = PRODUCTION


class UiConfig(Struct, frozen=True):
    theme: str | None = None  # None: chosen by the terminal's colours
    frames_per_second: int | None = None  # None: chosen by the link
    timestamps: Timestamps = Timestamps.LOCAL
    wrap: bool = False
    bell: bool = True
    notify: Notify = Notify.AUTO
    mouse: bool = False
    color: Color = Color.AUTO
    link: Link = Link.AUTO


class LogsConfig(Struct, frozen=True):
    """What is held of the logs. Bytes as they are held: compressed."""

    lines: int = 1_000_000  # of one log
    bytes: int = 64 << 20  # of one log
    total_bytes: int = 256 << 20  # of all logs together
    spool: bool = False  # older lines go to files in the state directory
    spool_bytes: int = 1 << 30
    keep_spool: bool = False  # else they are removed at the end


class ActionsConfig(Struct, frozen=True):
    settle: int = 60  # seconds that what an action brought up must stay healthy before it is done; 0: none
    at_once: int = 3  # of several actions confirmed together, how many are under way at a time


class ViewConfig(Struct, frozen=True):
    """A saved view."""

    name: str
    accounts: tuple[str, ...] = ()  # empty: all
    filter: str = ""
    log_filter: str = ""


class Config(Struct, frozen=True):
    """`path` is None when it was made from the environment, or from nothing at all."""

    accounts: tuple[AccountConfig, ...] = ()
    ui: UiConfig = UiConfig()
    logs: LogsConfig = LogsConfig()
    actions: ActionsConfig = ActionsConfig()
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # action -> its keys
    views: tuple[ViewConfig, ...] = ()
    path: FilePath | None = None
    notices: tuple[str, ...] = ()  # sentences about what a person should mend, though it does not stop the start


def config_path(environ: Mapping[str, str] = os.environ) -> FilePath:
    return _xdg(environ, "XDG_CONFIG_HOME", ".config") / "config.toml"


def state_path(environ: Mapping[str, str] = os.environ) -> FilePath:
    return _xdg(environ, "XDG_STATE_HOME", ".local/state")


def state_dir(environ: Mapping[str, str] = os.environ) -> FilePath:
    """Return where the audit log, the last pictures and the diagnostics are, made for the user alone.

    Raises OSError where nothing can be kept there.
    """
    path = state_path(environ)
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.stat().st_mode & 0o077:
        path.chmod(0o700)
    if not os.access(path, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "it cannot be written", str(path))
    return path


def _xdg(environ: Mapping[str, str], variable: str, default: str) -> FilePath:
    folder = environ.get(variable, "")
    # The XDG specification: a relative path is invalid and is ignored.
    base = FilePath(folder) if folder.startswith("/") else _home(environ) / default
    return base / "deckwatch"


def _home(environ: Mapping[str, str]) -> FilePath:
    """Return a folder that does not exist, as Debian calls it, where neither HOME nor the system names one."""
    if home := environ.get("HOME"):
        return FilePath(home)
    try:
        return FilePath("~").expanduser()
    except (RuntimeError, KeyError):
        return FilePath("/nonexistent")


def load(
    path: FilePath | None,
    *,
    providers: Collection[str],
    actions: Collection[str] = (),
    environ: Mapping[str, str] = os.environ,
) -> Config:
    """The file at `path`, which must be there; with None the user's own, or, when there is none, the environment.

    `providers` and `actions` are the names a config may use. Raises ConfigError.
    """
    found = path or config_path(environ)
    try:
        with found.open(encoding="utf-8-sig") as file:
            text, doubt = file.read(), others_may_write(found, file.fileno())
    except (FileNotFoundError, NotADirectoryError):  # HOME=/dev/null is what some services have
        if path is None:
            return from_environment(environ, providers)
        raise ConfigError(f"There is no file {found}. Run: deckwatch config init") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"{found} cannot be read: {reason}.") from None
    config = parse(text, found, providers=providers, actions=actions)
    return _trusted(config, text, doubt) if doubt else config


def _trusted(config: Config, text: str, doubt: str) -> Config:
    """Return the config with a notice of who else may write it. Raises ConfigError where it holds a command."""
    remedy = f"Run: chmod go-w {shlex.quote(str(config.path))}, and the same for its folder."
    for number, account in enumerate(config.accounts):
        if account.token.command is not None:
            line = line_of(text, ("account", number, "token", "command"))
            raise ConfigError(f"{config.path}:{line}: no command is started from this file: {doubt}. {remedy}")
    return replace(config, notices=(*config.notices, f"{config.path}: {doubt}. {remedy}"))


def from_environment(environ: Mapping[str, str], providers: Collection[str]) -> Config:
    """One account for each provider whose usual variables are set. The variables are named, not read."""
    accounts: list[AccountConfig] = []
    notices: list[str] = []

    def add(provider: str, variable: str, url: str | None = None, projects: tuple[str, ...] = ()) -> None:
        if provider in providers:
            accounts.append(AccountConfig(provider, provider, TokenSource(env=variable), url, projects))

    def lacks(is_set: str, missing: str, more: str = "") -> None:
        if environ.get(is_set) and not environ.get(missing):
            notices.append(f"{is_set} is set, but {missing} is not: there is no account for it. Set {missing}{more}.")

    for variable in ("RAILWAY_API_TOKEN", "RAILWAY_TOKEN"):  # the wider one first: a project token sees one environment
        if environ.get(variable):
            add("railway", variable)
            break
    if environ.get("GITLAB_TOKEN") and environ.get("GITLAB_HOST"):
        host = environ["GITLAB_HOST"]
        add("gitlab", "GITLAB_TOKEN", host if "://" in host else f"https://{host}")
    if environ.get("CLOUD66_TOKEN"):
        add("cloud66", "CLOUD66_TOKEN")
    if environ.get("DOKPLOY_URL") and environ.get("DOKPLOY_API_KEY"):
        add("dokploy", "DOKPLOY_API_KEY", environ["DOKPLOY_URL"])
    lacks("GITLAB_TOKEN", "GITLAB_HOST", ", or write a configuration that names its projects")
    lacks("DOKPLOY_URL", "DOKPLOY_API_KEY")
    lacks("DOKPLOY_API_KEY", "DOKPLOY_URL")
    return Config(tuple(accounts), notices=tuple(notices))


def clear_text(account: AccountConfig) -> tuple[str, ...]:
    """Return a sentence for each address of the account to which its token goes unencrypted over a network."""
    from urllib.parse import urlsplit

    return tuple(
        f"The token goes over the network in the clear: {url} is not https."
        for url in (account.url, account.live_logs)
        if url is not None and url.startswith("http://") and not _is_local(urlsplit(url).hostname or "")
    )


def _is_local(host: str) -> bool:
    from ipaddress import ip_address

    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def parse(text: str, path: FilePath, *, providers: Collection[str], actions: Collection[str] = ()) -> Config:
    import tomllib

    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"\(at line (\d+), column \d+\)", str(error))
        line = int(at[1]) if at else text.count("\n") + 1
        raise ConfigError(f"{path}:{line}: this is not TOML: {str(error).partition(' (at')[0]}.") from None
    return _Reader(text, path, providers, actions).config(document)


class _Reader:
    """Turns a parsed document into a Config, and every fault in it into one ConfigError with its line."""

    def __init__(self, text: str, path: FilePath, providers: Collection[str], actions: Collection[str]) -> None:
        self._text = text
        self._path = path
        self._providers = providers
        self._actions = actions

    def config(self, document: dict[str, Any]) -> Config:
        self._known(document, ("account", "ui", "logs", "actions", "keys", "view"), ())
        accounts = tuple(
            self._account(table, ("account", number)) for number, table in enumerate(self._tables(document, "account"))
        )
        self._unique([account.name for account in accounts], "account")
        views = tuple(
            self._view(table, ("view", number), {account.name for account in accounts})
            for number, table in enumerate(self._tables(document, "view"))
        )
        self._unique([view.name for view in views], "view")
        return Config(
            accounts=accounts,
            ui=self._ui(self._table(document, "ui")),
            logs=self._logs(self._table(document, "logs")),
            actions=self._actions_of(self._table(document, "actions")),
            keys=self._keys(self._table(document, "keys")),
            views=views,
            path=self._path,
        )

    def _account(self, table: dict[str, Any], at: Path) -> AccountConfig:
        self._known(table, list(AccountConfig.__struct_fields__), at)
        self._required(table, ("name", "provider", "token"), at)
        token = self._token(table["token"], (*at, "token"))
        account = self._convert({**table, "token": token}, AccountConfig, at)
        if not account.name or "/" in account.name or ":" in account.name or not account.name.isprintable():
            raise self._fault((*at, "name"), "an account's name is not empty and holds neither '/' nor ':'.")
        if account.provider not in self._providers:
            raise self._fault(
                (*at, "provider"),
                f"there is no provider {account.provider!r}.{_nearest(account.provider, self._providers)}",
            )
        self._check_needs(account, at)
        for key, address in (("url", account.url), ("live_logs", account.live_logs)):
            query = r"(\?[^\s#]*)?" if key == "url" and account.provider in URL_WITH_QUERY else ""
            if address is not None and not re.fullmatch(rf"https?://[^\s/@?#]+(/[^\s?#]*)?{query}", address):
                raise self._fault((*at, key), "a url is https://HOST or https://HOST/PATH, without user or query.")
        if account.ca_file is not None and not account.ca_file.is_file():
            raise self._fault((*at, "ca_file"), f"there is no file {account.ca_file}.")
        return account

    def _check_needs(self, account: AccountConfig, at: Path) -> None:
        if account.url is None and account.provider in URL_REQUIRED:
            raise self._fault(
                at, f'account {account.name!r}: {account.provider} needs its address: url = "https://..."'
            )
        if not account.projects and account.provider in PROJECTS_REQUIRED:
            raise self._fault(
                at, f'account {account.name!r}: {account.provider} needs projects, as in projects = ["acme/shop"]'
            )

        if account.live_logs is not None and account.provider not in LIVE_LOGS:
            raise self._fault((*at, "live_logs"), f"{account.provider} has no live_logs of its own: leave it out.")

    def _token(self, table: object, at: Path) -> TokenSource:
        """Nothing of its value is ever quoted: it may be the token itself, put in the wrong place."""
        kinds = list(TokenSource.__struct_fields__)
        how = '{ env = "NAME" }, { file = "PATH" }, { command = ["pass", "show", "NAME"] } or { keyring = "NAME" }'
        if not isinstance(table, dict):
            raise self._fault(at, f"a token is not written here but found: token = {how}")
        self._known(table, kinds, at)
        if len(table) != 1:
            raise self._fault(at, f"a token is found in one way: token = {how}")
        source = self._convert(table, TokenSource, at)
        if source.env is not None and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", source.env):
            raise self._fault((*at, "env"), "this is not the name of an environment variable.")
        if not next(iter(table.values())):
            raise self._fault(at, f"this is empty. token = {how}")
        return source

    def _ui(self, table: dict[str, Any]) -> UiConfig:
        self._known(table, list(UiConfig.__struct_fields__), ("ui",))
        if isinstance(notify := table.get("notify"), bool):
            table = {**table, "notify": Notify.AUTO if notify else Notify.OFF}
        ui = self._convert(table, UiConfig, ("ui",))
        if ui.theme is not None and ui.theme not in THEMES:
            raise self._fault(("ui", "theme"), f"there is no theme {ui.theme!r}.{_nearest(ui.theme, THEMES)}")
        if ui.frames_per_second is not None and not 1 <= ui.frames_per_second <= 60:
            raise self._fault(("ui", "frames_per_second"), "frames_per_second is between 1 and 60.")
        return ui

    def _logs(self, table: dict[str, Any]) -> LogsConfig:
        self._known(table, list(LogsConfig.__struct_fields__), ("logs",))
        logs = self._convert(table, LogsConfig, ("logs",))
        for name, least in LEAST_OF_LOGS.items():
            if getattr(logs, name) < least:
                raise self._fault(("logs", name), f"{name} is at least {least:_}.")
        return logs

    def _actions_of(self, table: dict[str, Any]) -> ActionsConfig:
        self._known(table, list(ActionsConfig.__struct_fields__), ("actions",))
        actions = self._convert(table, ActionsConfig, ("actions",))
        if not 0 <= actions.settle <= 1800:
            raise self._fault(("actions", "settle"), "settle is a number of seconds from 0 to 1800.")
        if not 1 <= actions.at_once <= 50:
            raise self._fault(("actions", "at_once"), "at_once is between 1 and 50.")
        return actions

    def _keys(self, table: dict[str, Any]) -> dict[str, tuple[str, ...]]:
        self._known(table, self._actions, ("keys",), what="action")
        keys: dict[str, tuple[str, ...]] = {}
        taken: dict[str, str] = {}
        for action, value in table.items():
            at: Path = ("keys", action)
            keys[action] = (value,) if isinstance(value, str) else self._convert(value, tuple[str, ...], at)
            for key in keys[action]:
                if not key or not key.isprintable() or (" " in key):
                    raise self._fault(at, 'a key is one sign or a name, as in "R", "ctrl+r", "f5", "space".')
                if key in taken:
                    raise self._fault(at, f"{key} is already given to {taken[key]}.")
                taken[key] = action
        return keys

    def _view(self, table: dict[str, Any], at: Path, accounts: Collection[str]) -> ViewConfig:
        self._known(table, list(ViewConfig.__struct_fields__), at)
        self._required(table, ("name",), at)
        view = self._convert(table, ViewConfig, at)
        for name in view.accounts:
            if name not in accounts:
                raise self._fault((*at, "accounts"), f"there is no account {name!r}.{_nearest(name, accounts)}")
        return view

    def _table(self, document: dict[str, Any], name: str) -> dict[str, Any]:
        table = document.get(name, {})
        if not isinstance(table, dict):
            raise self._fault((name,), f"{name} is a table: [{name}]")
        return table

    def _tables(self, document: dict[str, Any], name: str) -> list[dict[str, Any]]:
        tables = document.get(name, [])
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            raise self._fault((name,), f"each {name} is a table of its own: [[{name}]]")
        return tables

    def _known(self, table: Mapping[str, Any], known: Collection[str], at: Path, *, what: str = "key") -> None:
        for key in table:
            if key not in known:
                raise self._fault((*at, key), f"unknown {what} {key!r}.{_nearest(key, known)}")

    def _required(self, table: Mapping[str, Any], required: Collection[str], at: Path) -> None:
        for key in required:
            if key not in table:
                name = f" {table['name']!r}" if isinstance(table.get("name"), str) else ""
                raise self._fault(at, f"{at[0]}{name} has no {key}.")

    def _unique(self, names: list[str], array: str) -> None:
        for number, name in enumerate(names):
            if name in names[:number]:
                raise self._fault((array, number, "name"), f"there are two {array}s named {name!r}.")

    def _convert(self, value: object, type_: type[T], at: Path) -> T:
        import msgspec

        try:
            return msgspec.convert(value, type_, dec_hook=_decode)
        except msgspec.ValidationError as error:
            what, _, inside = str(error).partition(" - at ")
            key = re.match(r"`\$\.(\w+)", inside)
            where = (*at, key[1]) if key else at
            if key and what.startswith("Invalid enum value") and isinstance(value, dict):
                what = _choices(type_, key[1], value[key[1]])
            raise self._fault(where, f"{where[-1]}: {_in_toml_words(what)}") from None

    def _fault(self, at: Path, sentence: str) -> ConfigError:
        return ConfigError(f"{self._path}:{line_of(self._text, at)}: {sentence}")


def _decode(type_: type, value: object) -> object:
    if issubclass(type_, FilePath) and isinstance(value, str):
        return FilePath(os.path.expanduser(value))
    if issubclass(type_, TokenSource) and isinstance(value, TokenSource):
        return value
    raise ValueError(f"Expected `{type_.__name__}`")


def _choices(type_: type, name: str, value: object) -> str:
    known = [str(choice) for choice in get_type_hints(type_)[name]]
    return f"{value!r} is none of {', '.join(known)}.{_nearest(str(value), known, list_them=False)}"


def _in_toml_words(message: str) -> str:
    """msgspec speaks of `str` and `array`; the reader wrote TOML."""
    for ours, theirs in (
        ("`array`", "a list"),
        ("`object`", "a table"),
        ("`str`", "a string"),
        ("`int`", "a whole number"),
        ("`bool`", "true or false"),
        ("`float`", "a number"),
        ("`null`", "nothing"),
        (" | nothing", ""),
    ):
        message = message.replace(ours, theirs)
    return message[:1].lower() + message[1:] + ("" if message.endswith((".", "?")) else ".")


def _nearest(word: str, known: Collection[str], *, list_them: bool = True) -> str:
    import difflib

    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    if near:
        return f" Did you mean {near[0]!r}?"
    return f" There is: {', '.join(sorted(known))}." if list_them and 0 < len(known) <= 12 else ""
