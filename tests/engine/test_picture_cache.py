from __future__ import annotations

import json
import os
import re
import shutil
import stat
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from tests.engine.world import LOST, World, deployment, service
from tui.engine import picture_cache
from tui.engine.store import Phase
from tui.model.action import Verb
from tui.model.entities import Approval, ApprovalRule, Instance, Kind, Project, Ref, Revision, Snapshot
from tui.model.status import Status

API = Ref("prod", Kind.SERVICE, "api")


async def session(folder: Path) -> World:
    """One session that saw something."""
    world = World(cache=folder)
    live = replace(
        deployment("d1", is_live=True, instances=("i1",)), not_now={Verb.APPROVE: "Nothing waits."}, note='ü "\\"'
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


HOSTILE = "evil\x1b]52;c;UFdORUQ=\x07\x1b[2J\u202e\u200b\x9b1m\nline"
HARMLESS = "evil ‹U+200B› 1m line"  # the C1 sign opens nothing: it may be a part of a letter


async def test_every_word_of_a_kept_picture_is_made_harmless(tmp_path: Path) -> None:
    """Whoever can write the file can write anything into it."""
    world = World(cache=tmp_path)
    ref = Ref("prod", Kind.INSTANCE, HOSTILE)
    rule = ApprovalRule(HOSTILE, 1, (Approval(HOSTILE, approved=True, comment=HOSTILE),))
    revision = Revision(HOSTILE, HOSTILE, HOSTILE, HOSTILE, "https://x.example/\x1b[2J")
    made = replace(
        deployment("d1", is_live=True),
        ref=Ref("prod", Kind.DEPLOYMENT, HOSTILE),
        status_raw=HOSTILE,
        revision=revision,
        creator=HOSTILE,
        trigger=HOSTILE,
        url="file:/etc/passwd",
        note=HOSTILE,
        instances=(Instance(ref, Status.LIVE, HOSTILE, HOSTILE),),
        approvals=(rule,),
        not_now={Verb.APPROVE: HOSTILE},
    )
    found = replace(
        service("api", latest=made, live=made), name=HOSTILE, project_name=HOSTILE, url="javascript:x", doubt=HOSTILE
    )
    project = Project(Ref("prod", Kind.PROJECT, HOSTILE), HOSTILE, "ssh://x.example")
    kept = Snapshot("prod", world.clock.now(), (project,), (), (found,), (HOSTILE,), ())
    content = msgspec.json.encode({"version": 1, "provider": "fake", "snapshot": kept})
    (tmp_path / "prod.json").write_bytes(content)

    read = World(cache=tmp_path).engine.store.accounts["prod"].snapshot

    assert read is not None
    words = json.dumps(msgspec.to_builtins(read), ensure_ascii=False)
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u200b\u202e]|UFdORUQ|\\\\u00", words)
    assert read.services[0].name == read.problems[0] == HARMLESS
    assert read.services[0].latest is not None
    assert read.services[0].latest.not_now == {Verb.APPROVE: HARMLESS}
    assert (read.services[0].url, read.services[0].latest.url, read.projects[0].url) == (None, None, None)
    assert revision.url is not None
    assert read.services[0].latest.revision is not None
    assert read.services[0].latest.revision.url == "https://x.example/"


@pytest.mark.parametrize(
    "at", ["2026-03-14T03:00:00", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]
)
async def test_a_kept_picture_with_a_time_that_is_none_is_not_used(tmp_path: Path, at: str) -> None:
    content = {"version": 1, "provider": "fake", "snapshot": {"account": "prod", "observed_at": at}}
    (tmp_path / "prod.json").write_bytes(msgspec.json.encode(content))
    assert World(cache=tmp_path).engine.store.accounts["prod"].snapshot is None
    await session(tmp_path / "other")
    written = (tmp_path / "other" / "prod.json").read_bytes()
    (tmp_path / "prod.json").write_bytes(re.sub(rb'"created_at":"[^"]+"', f'"created_at":"{at}"'.encode(), written))
    assert World(cache=tmp_path).engine.store.accounts["prod"].snapshot is None


async def test_a_kept_picture_speaks_of_no_other_account(tmp_path: Path) -> None:
    await session(tmp_path)
    file = tmp_path / "prod.json"
    ours, theirs = (f'{{"account":"{name}","kind":"service"'.encode() for name in ("prod", "team"))
    file.write_bytes(file.read_bytes().replace(ours, theirs))
    assert World(cache=tmp_path).engine.store.accounts["prod"].snapshot is None


async def test_what_is_no_file_of_ours_in_a_pictures_place_is_left_alone(tmp_path: Path) -> None:
    await session(tmp_path / "theirs")
    cache = tmp_path / "cache"
    for put in (
        lambda path: os.mkfifo(path),
        lambda path: path.symlink_to(tmp_path / "theirs" / "prod.json"),
        lambda path: path.symlink_to("/dev/zero"),
        lambda path: path.mkdir(),
    ):
        shutil.rmtree(cache, ignore_errors=True)
        cache.mkdir()
        put(cache / "prod.json")
        assert World(cache=cache).engine.store.accounts["prod"].snapshot is None


async def test_a_picture_that_is_too_large_is_not_read_and_that_is_noted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await session(tmp_path)
    with (tmp_path / "prod.json").open("r+b") as file:
        file.truncate(picture_cache.LARGEST + 1)
    with caplog.at_level("INFO"):
        assert World(cache=tmp_path).engine.store.accounts["prod"].snapshot is None
    assert "larger than 32 MB" in caplog.text


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
