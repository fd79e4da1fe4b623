"""Which providers there are, and what a mistake in the name leads to."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.providers.loopback import Ledger
from tui import providers
from tui.model.action import Verb
from tui.model.log import LogKind
from tui.model.provider import Provider


def test_railway_is_loaded_by_its_name() -> None:
    found = providers.load("railway")
    assert issubclass(found, Provider)
    assert found.name == "railway"


def test_an_unknown_name_says_which_one_is_near() -> None:
    with pytest.raises(ValueError, match="Did you mean 'railway'"):
        providers.load("railwy")


def test_what_is_no_provider_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(providers.PROVIDERS, "wrong", "tui.model.log:LogLine")
    with pytest.raises(ValueError, match="not a subclass"):
        providers.load("wrong")


def test_the_registry_loads_no_network_library() -> None:
    code = (
        "import sys, tui.providers; print([m for m in ('gql', 'httpx', 'graphql', 'websockets') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", list(providers.PROVIDERS))
def test_every_verb_and_log_kind_is_named_once(name: str) -> None:
    from tui.credentials import Secret
    from tui.model.clock import SystemClock
    from tui.model.provider import Connection

    kind = providers.load(name)
    provider = kind(Connection("a", Secret("t"), url="http://127.0.0.1:9/"), meter=Ledger(), clock=SystemClock())
    for verb in Verb:
        assert (verb in provider.handlers) != (verb in kind.lacks), verb
    for log_kind in LogKind:
        assert (log_kind in kind.log_kinds) != (log_kind in kind.lacks), log_kind
