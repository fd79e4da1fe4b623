"""A configuration is taken whole or not at all, and a fault in it names its place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.shared import CASES, needs_cases
from tui.config import (
    THEMES,
    Color,
    Config,
    ConfigError,
    LogsConfig,
    Notify,
    Timestamps,
    clear_text,
    config_path,
    load,
    parse,
    state_dir,
)
from tui.credentials import TokenSource

PROVIDERS = ("railway", "gitlab", "cloud66", "dokploy")
ACTIONS = ("redeploy", "refresh", "page-down")

WHOLE = """\
[[account]]
name = "prod"
provider = "railway"
token = { env = "RAILWAY_API_TOKEN" }
projects = ["shop", "blog"]
read_only = true

[[account]]
name = "forge"   # a comment
provider = "gitlab"
url = "https://gitlab.example.org/gitlab"
projects = [
    "acme/shop",
    "acme/*",
]
production = ["live"]
[account.token]
command = ["pass", "show", "gitlab"]

[ui]
theme = "nord"
color = "256"
timestamps = "utc"
frames_per_second = 5

[keys]
redeploy = "ctrl+e"
page-down = ["space", "f"]

[[view]]
name = "night"
accounts = ["prod"]
filter = "bad"
log_filter = "level>=warn"

[logs]
lines = 50_000
spool = true
spool_bytes = 9_999_999
"""


def parsed(text: str) -> Config:
    return parse(text, Path("config.toml"), providers=PROVIDERS, actions=ACTIONS)


def fault(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parsed(text)
    return str(caught.value)


def test_a_whole_file_is_read_into_one_value() -> None:
    config = parsed(WHOLE)

    prod, forge = config.accounts
    assert (prod.name, prod.provider, prod.read_only, prod.projects) == ("prod", "railway", True, ("shop", "blog"))
    assert prod.production == ("production", "prod*")
    assert forge.token == TokenSource(command=("pass", "show", "gitlab"))
    assert forge.projects == ("acme/shop", "acme/*")
    assert forge.production == ("live",)
    assert (config.ui.theme, config.ui.color, config.ui.timestamps) == ("nord", Color.PALETTE_256, Timestamps.UTC)
    assert config.keys == {"redeploy": ("ctrl+e",), "page-down": ("space", "f")}
    assert config.views[0].log_filter == "level>=warn"
    assert config.logs == LogsConfig(lines=50_000, spool=True, spool_bytes=9_999_999)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('name = "prod"', 'nmae = "prod"', "config.toml:2: unknown key 'nmae'. Did you mean 'name'?"),
        ("[ui]", "[iu]", "config.toml:20: unknown key 'iu'. Did you mean 'ui'?"),
        ('theme = "nord"', 'themes = "nord"', "config.toml:21: unknown key 'themes'. Did you mean 'theme'?"),
        ('env = "RAIL', 'enw = "RAIL', "config.toml:4: unknown key 'enw'. Did you mean 'env'?"),
        ("command = [", "comand = [", "config.toml:18: unknown key 'comand'. Did you mean 'command'?"),
        ("redeploy =", "redepoly =", "config.toml:27: unknown action 'redepoly'. Did you mean 'redeploy'?"),
        ('provider = "gitlab"', 'provider = "gitlub"', "config.toml:10: there is no provider 'gitlub'. Did you mean"),
        ("read_only = true", 'read_only = "yes"', "config.toml:6: read_only: expected true or false, got a string."),
        ('["shop", "blog"]', '["shop", 7]', "config.toml:5: projects: expected a string, got a whole number."),
        ('"acme/*",', "7,", "config.toml:12: projects: expected a string"),
        ('color = "256"', 'color = "255"', "config.toml:22: color: '255' is none of auto, truecolor, 256, 16, none."),
        (
            'theme = "nord"',
            'notify = "osc8"',
            "config.toml:21: notify: 'osc8' is none of auto, osc9, osc777, desktop, off. Did you mean 'osc9'?",
        ),
        ('theme = "nord"', "notify = 9", "config.toml:21: notify: expected a string, got a whole number."),
        ('theme = "nord"', 'bell = "loud"', "config.toml:21: bell: expected true or false, got a string."),
        ("second = 5", "second = 500", "config.toml:24: frames_per_second is between 1 and 60."),
        ('"nord"', '"nrod"', "config.toml:21: there is no theme 'nrod'. Did you mean 'nord'?"),
        ('name = "forge"', 'name = "prod"', "config.toml:9: there are two accounts named 'prod'."),
        ('accounts = ["prod"]', 'accounts = ["pord"]', "config.toml:32: there is no account 'pord'. Did you mean"),
        ('["space", "f"]', '["space", "ctrl+e"]', "config.toml:28: ctrl+e is already given to redeploy."),
        ('url = "https://', 'url = "gopher://', "config.toml:11: a url is https://HOST"),
        ("projects = [\n", "projects_ = [\n", "config.toml:12: unknown key 'projects_'. Did you mean 'projects'?"),
        ("lines = 50_000", "lines = 50", "config.toml:37: lines is at least 1_000."),
        ("spool = true", "spol = true", "config.toml:38: unknown key 'spol'. Did you mean 'spool'?"),
        ("= 9_999_999", "= 9", "config.toml:39: spool_bytes is at least 1_048_576."),
        ('name = "night"', "", "config.toml:30: view has no name."),
        ('name = "prod"', 'name = "a/b"', "config.toml:2: an account's name"),
        ("[ui]", "[ui", "config.toml:20: this is not TOML"),
    ],
)
def test_a_fault_names_the_line_and_what_to_write(before: str, after: str, said: str) -> None:
    assert before in WHOLE

    assert fault(WHOLE.replace(before, after, 1)).startswith(said)


@pytest.mark.parametrize(
    ("written", "meant"),
    [('"osc777"', Notify.OSC777), ('"off"', Notify.OFF), ("true", Notify.AUTO), ("false", Notify.OFF)],
)
def test_how_an_alert_is_told_is_one_word_or_whether_at_all(written: str, meant: Notify) -> None:
    assert parsed(f"[ui]\nnotify = {written}\n").ui.notify is meant


def test_only_a_platform_with_a_single_address_may_have_a_query_in_its_url() -> None:
    def account(provider: str, url: str) -> str:
        needs = 'projects = ["a/b"]\n' if provider == "gitlab" else ""
        return f'[[account]]\nname = "a"\nprovider = "{provider}"\nurl = "{url}"\ntoken = {{ env = "T" }}\n{needs}'

    assert (
        parsed(account("railway", "https://proxy.example/x?team=a")).accounts[0].url == "https://proxy.example/x?team=a"
    )
    for provider, url in (("gitlab", "https://a.example?b=1"), ("railway", "https://a.example?b=1#c")):
        assert "a url is https://HOST" in fault(account(provider, url))


def test_a_missing_token_address_or_project_list_is_a_fault_of_its_account() -> None:
    head = '[[account]]\nname = "a"\n'

    assert fault(f'{head}provider = "railway"\n') == "config.toml:1: account 'a' has no token."
    assert "dokploy needs its address" in fault(f'{head}provider = "dokploy"\ntoken = {{ env = "T" }}\n')
    assert "gitlab needs projects" in fault(f'{head}provider = "gitlab"\ntoken = {{ env = "T" }}\n')


@pytest.mark.parametrize(
    "token",
    [
        '"hunter2-hunter2"',
        '{ env = "hunter2-hunter2" }',
        '{ env = "A", file = "hunter2-hunter2" }',
        '["hunter2-hunter2"]',
    ],
)
def test_a_token_in_the_wrong_place_is_refused_and_never_quoted(token: str) -> None:
    said = fault(f'[[account]]\nname = "a"\nprovider = "railway"\ntoken = {token}\n')

    assert said.startswith("config.toml:4: ")
    assert "hunter2" not in said


def test_a_text_in_quotes_that_looks_like_a_header_does_not_move_the_line() -> None:
    said = fault('[[view]]\nname = "a"\nfilter = """\n[ui]\ncolor = "x"\n"""\n[ui]\ncolor = "x"\n')

    assert said.startswith("config.toml:8: color: 'x' is none of")


def test_without_a_file_the_usual_variables_make_accounts_that_name_them(tmp_path: Path) -> None:
    environ = {
        "HOME": str(tmp_path),
        "RAILWAY_TOKEN": "p",
        "GITLAB_TOKEN": "g",  # without GITLAB_HOST: no account
        "DOKPLOY_URL": "https://ops.example.org",
        "DOKPLOY_API_KEY": "d",
    }

    config = load(None, providers=PROVIDERS, environ=environ)

    assert [(a.name, a.token, a.url) for a in config.accounts] == [
        ("railway", TokenSource(env="RAILWAY_TOKEN"), None),
        ("dokploy", TokenSource(env="DOKPLOY_API_KEY"), "https://ops.example.org"),
    ]
    wider = load(None, providers=("railway",), environ={**environ, "RAILWAY_API_TOKEN": "a"})
    assert [a.token for a in wider.accounts] == [TokenSource(env="RAILWAY_API_TOKEN")]


def test_without_a_file_and_without_variables_there_are_no_accounts(tmp_path: Path) -> None:
    assert load(None, providers=PROVIDERS, environ={"HOME": str(tmp_path)}) == Config()


def test_a_file_that_was_asked_for_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"There is no file .*none\.toml"):
        load(tmp_path / "none.toml", providers=PROVIDERS)


def test_a_file_with_a_byte_order_mark_is_read_as_any_other(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b'\xef\xbb\xbf[[account]]\r\nname = "a"\r\nprovider = "railway"\r\ntoken = { env = "T" }\r\n')

    assert [account.name for account in load(path, providers=PROVIDERS).accounts] == ["a"]
    path.write_bytes(b"\xef\xbb\xbf[ui]\ncolour = 1\n")
    with pytest.raises(ConfigError, match=r"config\.toml:2: unknown key 'colour'"):
        load(path, providers=PROVIDERS)


@needs_cases
def test_the_file_with_a_byte_order_mark_that_somebody_had_is_read() -> None:
    config = load(CASES / "19-config-with-bom.toml", providers=PROVIDERS)

    assert [(account.name, account.token) for account in config.accounts] == [("a", TokenSource(env="T"))]


@pytest.mark.parametrize(
    ("missing", "of"),
    [
        ("GITLAB_HOST", {"GITLAB_TOKEN": "g"}),
        ("DOKPLOY_API_KEY", {"DOKPLOY_URL": "https://ops.example.org"}),
        ("DOKPLOY_URL", {"DOKPLOY_API_KEY": "d"}),
    ],
)
@pytest.mark.parametrize("more", [{}, {"CLOUD66_TOKEN": "c"}])
def test_a_variable_that_lacks_its_other_half_is_said(
    tmp_path: Path, missing: str, of: dict[str, str], more: dict[str, str]
) -> None:
    config = load(None, providers=PROVIDERS, environ={"HOME": str(tmp_path), **of, **more})

    (notice,) = config.notices
    assert [account.provider for account in config.accounts] == (["cloud66"] if more else [])
    assert notice.startswith(f"{next(iter(of))} is set, but {missing} is not")
    assert ("projects" in notice) == ("GITLAB_TOKEN" in of)


COMMAND = '[[account]]\nname = "a"\nprovider = "railway"\ntoken = { command = ["pass", "x"] }\n'
VARIABLE = '[[account]]\nname = "a"\nprovider = "railway"\ntoken = { env = "T" }\n'


@pytest.mark.parametrize(
    ("file", "folder"), [(0o620, 0o700), (0o602, 0o700), (0o666, 0o700), (0o600, 0o770), (0o600, 0o707)]
)
def test_a_file_that_others_may_write_starts_no_command_and_is_said_otherwise(
    tmp_path: Path, file: int, folder: int
) -> None:
    path = tmp_path / "conf" / "config.toml"
    path.parent.mkdir()
    path.write_text(COMMAND)
    path.chmod(file)
    path.parent.chmod(folder)

    with pytest.raises(ConfigError, match=r"config\.toml:4: .*others may write .*chmod go-w") as caught:
        load(path, providers=PROVIDERS)
    path.write_text(VARIABLE)

    assert "pass" not in str(caught.value)
    (notice,) = load(path, providers=PROVIDERS).notices
    assert "others may write" in notice


@pytest.mark.parametrize(("file", "folder"), [(0o600, 0o700), (0o644, 0o755), (0o600, 0o1777)])
def test_a_file_that_others_may_only_read_is_nothing_to_speak_of(tmp_path: Path, file: int, folder: int) -> None:
    path = tmp_path / "conf" / "config.toml"
    path.parent.mkdir()
    path.write_text(COMMAND)
    path.chmod(file)
    path.parent.chmod(folder)

    assert load(path, providers=PROVIDERS).notices == ()


def test_a_link_is_as_safe_as_the_folders_on_both_its_ends(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "closed").mkdir()
    for at, link in (("open", "closed"), ("closed", "open")):
        (tmp_path / at / "real.toml").write_text(COMMAND)
        (tmp_path / link / "config.toml").symlink_to(tmp_path / at / "real.toml")
    (tmp_path / "open").chmod(0o777)

    for link in ("closed", "open"):
        with pytest.raises(ConfigError, match="others may write its folder"):
            load(tmp_path / link / "config.toml", providers=PROVIDERS)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_starts_no_command(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(COMMAND)
    os.chown(path, 12345, -1)

    with pytest.raises(ConfigError, match="it belongs to another user"):
        load(path, providers=PROVIDERS)


def test_a_file_from_a_pipe_is_read(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, COMMAND.encode())
    os.close(writing)

    config = load(Path(f"/dev/fd/{reading}"), providers=PROVIDERS)

    os.close(reading)
    assert (len(config.accounts), config.notices) == (1, ())


@pytest.mark.parametrize(
    ("url", "is_said"),
    [
        ("http://ops.example.org", True),
        ("http://127.evil.example", True),
        ("http://localhost.evil.example/x", True),
        ("http://10.0.0.7:3000", True),
        ("http://[fe80::1]", True),
        ("http://127.0.0.1:3000", False),
        ("http://127.8.8.8", False),
        ("http://localhost:3000", False),
        ("http://LOCALHOST", False),
        ("http://ops.localhost", False),
        ("http://[::1]:3000", False),
        ("https://ops.example.org", False),
    ],
)
def test_a_token_that_goes_over_the_network_in_the_clear_is_said(url: str, is_said: bool) -> None:
    account = '[[account]]\nname = "a"\nprovider = "cloud66"\ntoken = { env = "T" }\n'

    for key in ("url", "live_logs"):
        config = parsed(f'{account}{key} = "{url}"\n')
        said = [f"The token goes over the network in the clear: {url} is not https."] if is_said else []
        assert list(clear_text(config.accounts[0])) == said


def test_a_home_that_nobody_knows_costs_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", _nobody)

    assert config_path({}) == Path("/nonexistent/.config/deckwatch/config.toml")
    assert load(None, providers=PROVIDERS, environ={}) == Config()
    with pytest.raises(OSError, match="/nonexistent"):
        state_dir({"XDG_STATE_HOME": "/proc/nonexistent"})


def _nobody(_user: int) -> None:
    raise KeyError("nobody")


def test_a_file_that_cannot_be_looked_at_is_told_and_not_passed_over(tmp_path: Path) -> None:
    """The variables must not step in for a configuration that is there."""
    environ = {"HOME": str(tmp_path), "CLOUD66_TOKEN": "c"}
    path = config_path(environ)
    path.parent.mkdir(parents=True)
    path.symlink_to(path)

    with pytest.raises(ConfigError, match=r"config\.toml cannot be read: Too many levels of symbolic links"):
        load(None, providers=PROVIDERS, environ=environ)
    assert load(None, providers=PROVIDERS, environ={**environ, "HOME": "/dev/null"}).accounts


def test_the_users_file_is_found_in_the_xdg_folder_and_wins_over_the_variables(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "conf"), "RAILWAY_TOKEN": "p"}
    path = config_path(environ)
    path.parent.mkdir(parents=True)
    path.write_text("")

    assert path == tmp_path / "conf" / "deckwatch" / "config.toml"
    assert load(None, providers=PROVIDERS, environ=environ) == Config(path=path)


def test_a_relative_xdg_folder_is_ignored_as_the_specification_says(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": "here"}

    assert config_path(environ) == tmp_path / ".config" / "deckwatch" / "config.toml"


def test_the_state_folder_is_for_the_user_alone_even_when_it_was_there(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path)}
    state_dir(environ).chmod(0o755)

    path = state_dir(environ)

    assert path == tmp_path / ".local" / "state" / "deckwatch"
    assert path.stat().st_mode & 0o777 == 0o700


def test_a_home_sign_in_ca_file_is_expanded_and_a_missing_file_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "corp.pem").write_text("pem")
    account = '[[account]]\nname = "a"\nprovider = "railway"\ntoken = { env = "T" }\n'

    assert parsed(f'{account}ca_file = "~/corp.pem"\n').accounts[0].ca_file == tmp_path / "corp.pem"
    assert "config.toml:5: there is no file" in fault(f'{account}ca_file = "~/none.pem"\n')


def test_the_themes_a_config_may_name_are_those_that_textual_has() -> None:
    from textual.theme import BUILTIN_THEMES

    assert set(BUILTIN_THEMES) == THEMES


@pytest.mark.parametrize(
    ("line", "told"),
    [("settle = -1", "settle is a number of seconds"), ("at_once = 0", "at_once is between"), ("settl = 3", "settle")],
)
def test_what_cannot_be_of_actions_is_named(line: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        parse(f"[actions]\n{line}\n", Path("config.toml"), providers=("railway",))


def test_actions_settle_and_go_out_as_it_is_configured() -> None:
    config = parse("[actions]\nsettle = 0\nat_once = 7\n", Path("config.toml"), providers=("railway",))
    assert (config.actions.settle, config.actions.at_once) == (0, 7)
