from __future__ import annotations

from msgspec.structs import replace

from tests.entities import service, snapshot
from tui.engine.store import AccountState, Store


def test_an_environment_that_does_not_answer_keeps_its_services_as_old_ones() -> None:
    store = Store([AccountState("prod", "railway", "Railway", 10.0)])
    api, web = service("api"), service("web", environment="staging")
    store.put(snapshot(api, web))
    later = replace(snapshot(api), unread=(web.environment,))
    store.put(later)
    assert {each.name: store.is_old(each) for each in store.services()} == {"api": False, "web": True}
    store.put(later)
    assert len(store.services()) == 2
    store.put(snapshot(api, web))
    assert not any(store.is_old(each) for each in store.services())
