"""Job logs of the demo GitLab: stamped or plain, growing, in parts or whole."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest

from tests.demo.gitlab_demo import GitlabDemo, gitlab_demo, job_of
from tui.demo.entities import Deployment
from tui.demo.lifecycle import push

STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z 0[01][OE][ +]")


@pytest.fixture
async def demo() -> AsyncIterator[GitlabDemo]:
    async with gitlab_demo() as made:
        yield made


async def trace(demo: GitlabDemo, one: Deployment, query: str = "", *, old: bool = False) -> bytes:
    answer = await demo.ask("GET", f"{job_of(one)}/trace{query}", old=old)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert ".log" in answer.headers["content-disposition"]
    return answer.content


def written(demo: GitlabDemo, one: Deployment) -> list[str]:
    return [text for line in one.build_lines(demo.world.now) for text in line.text.split("\n")]


def in_order(texts: list[str], lines: list[str]) -> bool:
    rest = iter(lines)
    return all(text in rest for text in texts)


async def test_every_line_is_stamped_and_the_worlds_are_all_there(demo: GitlabDemo) -> None:
    one = demo.newest("payments/production/web")
    demo.world.advance(5)
    lines = (await trace(demo, one)).decode().removesuffix("\n").split("\n")
    assert all(STAMP.match(line) for line in lines)
    assert len({len(STAMP.match(line)[0]) for line in lines}) == 1  # type: ignore[index]
    texts = written(demo, one)
    assert len(texts) > 10
    assert in_order(texts, [line[32:] for line in lines])


async def test_a_log_only_grows_and_ends_once(demo: GitlabDemo) -> None:
    one = demo.newest("payments/production/web")
    known = b""
    for _ in range(40):
        found = await trace(demo, one)
        assert found.startswith(known)
        known = found
        demo.world.advance(2.5)
    assert known.decode().rstrip("\n").endswith("\x1b[32;1mJob succeeded\x1b[0;m")
    assert known.count(b"Job succeeded") == 1
    assert known.count(b"section_start:") == known.count(b"section_end:") == 2


async def test_one_project_and_old_servers_stamp_nothing(demo: GitlabDemo) -> None:
    plain = demo.world.service("payments/production/settlement").active[0]
    other = demo.world.service("payments/production/web").active[0]
    for found, one in ((await trace(demo, plain), plain), (await trace(demo, other, old=True), other)):
        lines = found.decode().split("\n")
        assert not any(STAMP.match(line) for line in lines)
        assert lines[0].startswith("\x1b[0KRunning with gitlab-runner")
        assert in_order(written(demo, one), lines)


async def test_a_part_is_sent_where_the_server_knows_how(demo: GitlabDemo) -> None:
    one = demo.world.service("payments/production/web").active[0]
    whole = await trace(demo, one)
    assert await trace(demo, one, "?byte_offset=0&byte_limit=1") == whole[:1]
    assert await trace(demo, one, "?byte_offset=100") == whole[100:]
    assert await trace(demo, one, f"?byte_offset={len(whole)}") == b""
    old = await trace(demo, one, old=True)
    assert await trace(demo, one, "?byte_offset=100&byte_limit=1", old=True) == old
    demo.tokens.server.byte_offset = False
    assert await trace(demo, one, "?byte_offset=100") == whole


async def test_a_range_is_ignored_and_a_tag_is_not(demo: GitlabDemo) -> None:
    one = demo.newest("payments/production/web")
    path = f"{job_of(one)}/trace"
    answer = await demo.ask("GET", path, headers={"Range": "bytes=10-"})
    assert answer.status_code == 200
    tag = {"If-None-Match": answer.headers["etag"]}
    assert (await demo.ask("GET", path, headers=tag)).status_code == 304
    demo.world.advance(3)
    grown = await demo.ask("GET", path, headers=tag)
    assert grown.status_code == 200
    assert grown.content.startswith(answer.content)


async def test_nothing_is_written_before_a_job_runs(demo: GitlabDemo) -> None:
    one = push(demo.world, demo.world.service("payments/staging/api"))
    assert await trace(demo, one) == b""
    assert await trace(demo, demo.newest("payments/production/settlement")) == b""  # waits for approval


async def test_a_cancelled_job_says_so_at_its_end(demo: GitlabDemo) -> None:
    one = demo.newest("payments/production/web")
    assert (await demo.ask("POST", f"{job_of(one)}/cancel")).status_code == 201
    end = await trace(demo, one)
    assert b"Job failed: canceled" in end
    demo.world.advance(60)
    assert await trace(demo, one) == end
