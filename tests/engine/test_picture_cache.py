from __future__ import annotations

import stat
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.engine.world import LOST, World, deployment, service
from tui.engine.store import Phase
from tui.model.action import Verb
from tui.model.entities import Kind, Ref

API = Ref("prod", Kind.SERVICE, "api")


async def session(folder: Path) -> World:
    """One session that saw something."""
    world = World(cache=folder)
    live = replace(
        deployment("d1", is_live=True, instances=("i1",)), not_now={Verb.APPROVE: "Nothing waits."}, note="ü\x00"
    )
    world.platform.services = [service("api", latest=live, live=live)]
    async with world.engine as engine:
        engine.start()
        await world.clock.advance(1)
    return world


async def test_the_last_picture_is_there_at_the_next_start_and_marked(tmp_path: Path) -> None:
    former = await session(tmp_path)
    engine = World(cache=tmp_path).engine
    assert engine.store.services() == former.engine.store.services()
    state = engine.store.accounts["prod"]
    assert state.from_cache
    assert state.phase(engine.clock.now()) is Phase.STALE


async def test_the_first_answer_confirms_it(tmp_path: Path) -> None:
    await session(tmp_path)
    world = World(cache=tmp_path)
    async with world.engine as engine:
        engine.start()
        await world.clock.advance(1)
        assert not engine.store.accounts["prod"].from_cache
        assert engine.store.accounts["prod"].phase(world.clock.now()) is Phase.FRESH


async def test_a_failed_first_try_leaves_it_marked(tmp_path: Path) -> None:
    await session(tmp_path)
    world = World(cache=tmp_path)
    world.connect_errors = [LOST]
    async with world.engine as engine:
        engine.start()
        await world.clock.settle()
        state = engine.store.accounts["prod"]
        assert state.from_cache
        assert state.error is LOST
        assert len(engine.store.services()) == 1


async def test_the_file_is_the_users_alone_and_nothing_else_is_left(tmp_path: Path) -> None:
    await session(tmp_path / "cache")
    [file] = (tmp_path / "cache").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.name == "prod.json"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"version":1}',
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"version":1,"provider":"fake","snapshot":{"account":"prod","observed_at":"2026-03-14T03:00:00"}}',
        b'{"version":2,"provider":"fake","snapshot":{"account":"prod","observed_at":"2026-03-14T03:00:00Z"}}',
        b'{"version":1,"provider":"else","snapshot":{"account":"prod","observed_at":"2026-03-14T03:00:00Z"}}',
        b'{"version":1,"provider":"fake","snapshot":{"account":"else","observed_at":"2026-03-14T03:00:00Z"}}',
    ],
)
async def test_a_broken_or_foreign_file_is_as_good_as_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "prod.json").write_bytes(content)
    engine = World(cache=tmp_path).engine
    assert engine.store.accounts["prod"].snapshot is None


async def test_it_is_saved_meanwhile_at_most_once_a_minute(tmp_path: Path) -> None:
    world = World(cache=tmp_path)
    async with world.engine as engine:
        engine.start()
        await world.clock.advance(59)
        assert not (tmp_path / "prod.json").exists()
        await world.clock.advance(2)
        assert (tmp_path / "prod.json").exists()


async def test_a_former_sessions_picture_is_not_written_back_as_if_it_were_new(tmp_path: Path) -> None:
    await session(tmp_path)
    written = (tmp_path / "prod.json").stat().st_ino
    world = World(cache=tmp_path)
    await world.clock.advance(7200)
    async with world.engine:
        pass
    assert (tmp_path / "prod.json").stat().st_ino == written


async def test_a_folder_that_cannot_be_written_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    world = World(cache=tmp_path / "file")
    async with world.engine as engine:
        engine.start()
        await world.clock.advance(120)
        assert engine.store.accounts["prod"].error is None


@pytest.mark.parametrize("name", ["a/b", "..", "ü", "a b", "a%b"])
async def test_an_accounts_name_never_leaves_the_folder(tmp_path: Path, name: str) -> None:
    world = World(name, cache=tmp_path / "cache")
    world.platform.services = [service(account=name)]
    async with world.engine as engine:
        engine.start()
        await world.clock.advance(1)
    [file] = (tmp_path / "cache").iterdir()
    assert file.suffix == ".json"
    assert World(name, cache=tmp_path / "cache").engine.store.accounts[name].from_cache
