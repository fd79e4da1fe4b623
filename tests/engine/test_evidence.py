"""Absence is claimed only of accounts that were read whole, by this session, just now."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.entities import NOW, ref, service, snapshot
from tui.engine.evidence import caveat
from tui.engine.store import AccountState, Store
from tui.model.entities import Kind, Snapshot
from tui.model.errors import Unreachable


def store_of(*names: str) -> Store:
    return Store([AccountState(name, "fake", "Fake", 10.0) for name in names])


def said(store: Store, *, after_s: float = 0.0, accounts: tuple[str, ...] | None = None) -> str:
    now = NOW + timedelta(seconds=after_s)
    return caveat(store, now, accounts)


def test_a_fresh_and_whole_account_is_evidence() -> None:
    store = store_of("prod")
    store.put(snapshot(service("api")))
    assert said(store) == ""


def test_an_account_that_was_never_read_is_none() -> None:
    store = store_of("prod")
    assert said(store) == "prod not read yet"
    store.fail("prod", Unreachable("Fake does not answer."), at=NOW, next_try_at=None)
    assert said(store) == "prod could not be read"


@pytest.mark.parametrize(
    "picture",
    [
        snapshot(service("api"), problems=("1 row of the services could not be read.",)),
        Snapshot("prod", NOW, unread=(ref(Kind.ENVIRONMENT, "staging"),)),
    ],
)
def test_a_picture_with_a_hole_is_none(picture: Snapshot) -> None:
    store = store_of("prod")
    store.put(picture)
    assert said(store) == "prod incomplete"


def test_an_old_picture_says_its_age() -> None:
    store = store_of("prod")
    store.put(snapshot(service("api")))
    assert said(store, after_s=59) == ""
    assert said(store, after_s=240) == "prod as of 4m ago"
    store.fail("prod", Unreachable("Fake does not answer."), at=NOW, next_try_at=None)
    assert said(store) == "prod as of just now"


def test_a_former_session_s_picture_is_none() -> None:
    store = store_of("prod")
    store.put(snapshot(service("api"), problems=("odd",)), from_cache=True)
    assert said(store, after_s=7200) == "prod as of 2h ago, incomplete"


def test_several_gaps_are_counted_with_the_age_of_the_oldest() -> None:
    store = store_of("prod", "other", "third")
    store.put(snapshot(service("api")))
    assert said(store) == "2 accounts incomplete"
    store.put(snapshot(service("api"), at=NOW - timedelta(hours=3)))
    assert said(store) == "3 accounts incomplete, the oldest as of 3h ago"


def test_only_the_accounts_concerned_count() -> None:
    store = store_of("prod", "other")
    store.put(snapshot(service("api")))
    assert said(store, accounts=("prod",)) == ""
    assert said(store, accounts=("other",)) == "other not read yet"
