"""Dokploy's timelines: rows, the queue on top of them, and jobs that become rows."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.clocks import START, FakeClock
from tests.providers.dokploy_server import (
    KEY,
    DokployServer,
    container,
    iso,
    job,
    provided,
    row,
    service,
    shop,
)
from tests.providers.loopback import Ledger
from tui.credentials import Secret
from tui.model.action import Intent, Verb
from tui.model.entities import Deployment, Kind, Ref, Service
from tui.model.errors import NotFound
from tui.model.provider import Connection
from tui.model.status import Status
from tui.providers.dokploy import DokployProvider

SHA = "43fdb4805da0cfea1fe918fda2274debb82e6183"


async def read(provider: DokployProvider) -> tuple[Service, tuple[Deployment, ...]]:
    found = (await provider.snapshot()).services[0]
    return found, (await provider.deployments(found)).items


def ref(id_: str) -> Ref:
    return Ref("dok", Kind.DEPLOYMENT, id_)


async def test_rows_are_newest_first_and_the_newest_that_went_well_serves() -> None:
    server = shop()
    server.rows = [row(10), row(40, "error"), row(20), row(30), row(35, "cancelled")]
    async with provided(server) as provider:
        found, listed = await read(provider)
    assert [(each.id, each.status) for each in listed] == [
        ("dep40", Status.FAILED),
        ("dep35", Status.CANCELLED),
        ("dep30", Status.LIVE),
        ("dep20", Status.SUPERSEDED),
        ("dep10", Status.SUPERSEDED),
    ]
    assert [each.id for each in listed if each.is_live] == ["dep30"]
    assert (found.latest, found.live) == (listed[0], listed[2])
    assert listed[2].instances == found.instances
    assert (
        listed[2].url == f"{server.url}/dashboard/project/p1/environment/e1/services/application/app1?tab=deployments"
    )


async def test_times_commits_and_reasons_are_taken_from_the_row() -> None:
    server = shop()
    server.rows = [
        row(40, "running", title="Speed up search", description=f"Hash: {SHA}"),
        row(30, title="Speed up search\n\nlong", description=f"Commit: {SHA}"),
        row(20, "error", logPath="", errorMessage="SSH connection error: refused\nat Object.<anonymous>"),
        row(10, title="Manual deployment"),
    ]
    async with provided(server) as provider:
        _, (building, done, failed, plain) = await read(provider)
    assert building.finished_at is None
    assert building.trigger == "push"
    assert done.revision is not None
    assert (done.revision.sha, done.revision.short) == (SHA, "43fdb48")
    assert done.finished_at is not None
    assert done.created_at is not None
    assert done.duration_s(START) == 40
    assert failed.note == "SSH connection error: refused"
    assert plain.trigger == "Manual deployment"
    assert plain.revision is None


async def test_a_word_from_the_future_is_kept() -> None:
    server = shop()
    server.rows = [row(40, "hibernating"), row(30)]
    async with provided(server) as provider:
        found, listed = await read(provider)
    assert (listed[0].status, listed[0].status_raw) == (Status.UNKNOWN, "hibernating")
    assert found.live == listed[1]


async def test_what_was_stopped_has_nothing_that_serves() -> None:
    server = shop(service(status="idle"))
    server.containers = []
    async with provided(server) as provider:
        found, listed = await read(provider)
    assert (found.status, found.status_raw, found.live) == (Status.STOPPED, "idle", None)
    assert listed[0].status is Status.STOPPED


async def test_idle_after_a_restart_of_dokploy_itself_is_not_stopped() -> None:
    """Dokploy then writes idle over what was being built, though the former containers run on."""
    server = shop(service(status="idle"))
    server.rows = [row(40, "cancelled"), row(30)]
    async with provided(server) as provider:
        found, _ = await read(provider)
        assert (found.status, found.live and found.live.id) == (Status.LIVE, "dep30")


async def test_never_deployed_is_said() -> None:
    server = shop(service(status="idle"))
    server.rows = server.containers = []
    async with provided(server) as provider:
        found, listed = await read(provider)
        assert (found.status, found.status_raw, listed) == (Status.STOPPED, "never deployed", ())
        for verb in (Verb.START, Verb.CANCEL, Verb.RESTART):
            assert provider.blocked(verb, found) is not None
        assert provider.blocked(Verb.DEPLOY, found) is None


async def test_a_build_that_runs_for_ever_is_doubted() -> None:
    server = shop(service(status="running"))
    server.rows = [row(45, "running"), row(55, "running", application="app2"), row(52, "running")]
    async with provided(server) as provider:
        _, listed = await read(provider)
    assert [each.note[:6] for each in listed] == ["", "stuck?"]


async def test_rows_of_previews_and_schedules_are_not_the_services() -> None:
    server = shop()
    server.rows = [row(40, previewDeploymentId="v1"), row(35, scheduleId="s1"), row(30)]
    async with provided(server) as provider:
        _, listed = await read(provider)
    assert [each.id for each in listed] == ["dep30"]


async def test_pages_hold_each_deployment_once() -> None:
    server = shop()
    server.rows = [row(n) for n in range(30, 19, -1)]
    async with provided(server) as provider:
        found = (await provider.snapshot()).services[0]
        seen: list[str] = []
        before: str | None = None
        while True:
            page = await provider.deployments(found, before, limit=4)
            seen += [each.id for each in page.items]
            if (before := page.next) is None:
                break
    assert seen == [f"dep{n}" for n in range(30, 19, -1)]


# -- what can be done to which ---------------------------------------------------------------------------------


async def test_only_what_went_well_and_kept_its_image_can_be_gone_back_to() -> None:
    server = shop()
    server.rows = [
        row(50, "error", rollbackId="r5"),  # its image was never pushed
        row(40, rollbackId="r4"),
        row(30, rollbackId="r3"),
        row(20),
    ]
    async with provided(server) as provider:
        _, listed = await read(provider)
        why = [provider.blocked(Verb.ROLLBACK, each) for each in listed]
    assert why[2] is None
    assert "went well" in (why[0] or "")
    assert "newest" in (why[1] or "")
    assert "registry" in (why[3] or "")


async def test_a_failed_service_can_go_back_to_the_one_that_still_serves() -> None:
    server = shop(service(status="error"))
    server.rows = [row(50, "error"), row(40, rollbackId="r4")]
    async with provided(server) as provider:
        _, listed = await read(provider)
        assert provider.blocked(Verb.ROLLBACK, listed[1]) is None


async def test_compose_services_are_not_rolled_back_and_running_rows_are_not_removed() -> None:
    server = shop(service("c1", "compose", "running"))
    server.rows = [row(58, "running", applicationId=None, composeId="c1"), row(40, applicationId=None, composeId="c1")]
    async with provided(server) as provider:
        _, listed = await read(provider)
        assert "applications only" in (provider.blocked(Verb.ROLLBACK, listed[1]) or "")
        assert "under way" in (provider.blocked(Verb.REMOVE, listed[0]) or "")
        assert provider.blocked(Verb.CANCEL, listed[0]) is None
        assert provider.blocked(Verb.CANCEL, listed[1]) is not None
        assert provider.blocked(Verb.REMOVE, listed[1]) is None


# -- the queue -------------------------------------------------------------------------------------------------


async def test_what_waits_stands_on_top_and_other_peoples_jobs_are_not_ours() -> None:
    server = shop()
    server.jobs = [
        job(9, application="stranger"),
        job(8, titleLog="Fix it"),
        job(7, previewDeploymentId="v1"),
        job(6, "delayed"),
    ]
    async with provided(server) as provider:
        found, listed = await read(provider)
    stamp = int(START.timestamp() * 1000)
    assert [each.id for each in listed][:2] == [f"job-8@{stamp + 8}", f"job-6@{stamp + 6}"]
    assert [each.status for each in listed][:3] == [Status.QUEUED, Status.QUEUED, Status.LIVE]
    assert "Fix it" in listed[0].note
    assert found.latest == listed[0]
    assert found.status is Status.LIVE
    assert listed[0].created_at == START + timedelta(milliseconds=8)


@pytest.mark.parametrize("state", ["completed", "failed", "cancelled"])
async def test_a_job_that_an_older_queue_still_remembers_is_not_shown_as_waiting(state: str) -> None:
    server = shop()
    server.jobs = [job(8, state)]
    async with provided(server) as provider:
        _, listed = await read(provider)
    assert [each.id for each in listed] == ["dep20", "dep10"]


async def test_an_active_job_is_shown_until_its_row_is_there_and_never_beside_it() -> None:
    server, clock = shop(), FakeClock()
    server.jobs = [job(8, "active")]
    async with provided(server, clock) as provider:
        _, listed = await read(provider)
        assert (listed[0].id[:5], listed[0].status_raw) == ("job-8", "active")
        server.rows = [row(60, "running", createdAt=iso(START + timedelta(milliseconds=200))), *server.rows]
        await clock.advance(2)
        _, listed = await read(provider)
        assert [each.id for each in listed] == ["dep60", "dep20", "dep10"]


class Queue:
    """One job of ours that waits behind another of the same title."""

    def __init__(self, server: DokployServer) -> None:
        self.server = server
        self.first, self.second = job(7), job(8, at=START + timedelta(seconds=1))
        self.server.jobs = [self.second, self.first]
        self.ref = ref(f"job-8@{self.second['timestamp']}")

    def begin(self, which: int) -> None:
        """The job becomes active and has a row, five seconds times its number after START."""
        one = (self.first, self.second)[which]
        at = START + timedelta(seconds=5 + 5 * which)
        one["state"], one["processedOn"] = "active", int(at.timestamp() * 1000)
        self.server.rows = [
            row(61 + which, "running", createdAt=iso(at + timedelta(milliseconds=2))),
            *self.server.rows,
        ]

    def end(self, which: int) -> None:
        one = (self.first, self.second)[which]
        self.server.jobs = [each for each in self.server.jobs if each is not one]
        self.server.rows = [
            {**each, "status": "done", "title": "the commit's", "description": f"Commit: {SHA}"}
            if each["deploymentId"] == f"dep{61 + which}"
            else each
            for each in self.server.rows
        ]


async def test_a_job_is_followed_into_its_own_row_though_others_have_the_same_title() -> None:
    server = shop()
    queue = Queue(server)
    async with provided(server) as provider:
        found = (await provider.snapshot()).services[0]
        assert (await provider.deployment(queue.ref, found)).status is Status.QUEUED
        queue.begin(0)
        assert (await provider.deployment(queue.ref, found)).ref == queue.ref
        queue.end(0)
        assert (await provider.deployment(queue.ref, found)).status is Status.QUEUED
        queue.begin(1)
        now = await provider.deployment(queue.ref, found)
        assert (now.ref, now.status) == (ref("dep62"), Status.BUILDING)
        queue.end(1)
        now = await provider.deployment(queue.ref, found)
        assert (now.ref, now.status) == (ref("dep62"), Status.LIVE)


async def test_a_job_that_left_the_queue_and_never_began_was_cancelled() -> None:
    server, clock = shop(), FakeClock()
    queue = Queue(server)
    async with provided(server, clock) as provider:
        found = (await provider.snapshot()).services[0]
        await clock.advance(5)
        server.jobs = []
        gone = await provider.deployment(queue.ref, found)
        assert (gone.ref, gone.status, gone.status_raw) == (queue.ref, Status.CANCELLED, "dropped from the queue")
        server.rows = [row(70, title="the commit's", description=f"Commit: {SHA}"), *server.rows]
        assert (await provider.deployment(queue.ref, found)).status is Status.CANCELLED


async def test_what_ended_unseen_under_another_title_may_be_the_job_or_not() -> None:
    server, clock = shop(), FakeClock()
    queue = Queue(server)
    async with provided(server, clock) as provider:
        found = (await provider.snapshot()).services[0]
        await clock.advance(120)
        server.jobs = []
        server.rows = [row(61, title="somebody's commit", description=f"Commit: {SHA}"), *server.rows]
        with pytest.raises(NotFound, match="no deployment came of it"):
            await provider.deployment(queue.ref, found)


@pytest.mark.parametrize("id_", ["nope", "job-1@12", "x" * 300, "@", "job-1@99999999999999999999"])
async def test_an_unknown_id_is_not_found(id_: str) -> None:
    async with provided(shop()) as provider:
        found = (await provider.snapshot()).services[0]
        with pytest.raises(NotFound):
            await provider.deployment(ref(id_), found)


async def test_a_service_that_is_gone_is_not_found() -> None:
    server, clock = shop(), FakeClock()
    async with provided(server, clock) as provider:
        found = (await provider.snapshot()).services[0]
        server.services = []
        await clock.advance(5)
        assert not (await provider.snapshot()).services
        with pytest.raises(NotFound, match="does not know this service"):
            await provider.deployment(ref("dep20"), found)


async def test_a_dropped_job_is_not_taken_for_what_was_deployed_later() -> None:
    server, clock = shop(), FakeClock()
    queue = Queue(server)
    async with provided(server, clock) as provider:
        found = (await provider.snapshot()).services[0]
        assert (await provider.deployment(queue.ref, found)).status is Status.QUEUED
        server.jobs = []
        server.rows = [row(70, "running", title="Something else"), *server.rows]
        assert (await provider.deployment(queue.ref, found)).status is Status.CANCELLED


async def test_a_fresh_provider_answers_without_a_snapshot_before() -> None:
    server = shop()
    server.containers = [container(state="restarting", status="Restarting (1) 1 second ago")]
    async with provided(server) as provider:
        found = (await provider.snapshot()).services[0]
        other = DokployProvider(Connection("dok", Secret(KEY), server.url), meter=Ledger(), clock=FakeClock())
        assert (await other.deployment(ref("dep20"), found)).status is Status.CRASHED
        await other.aclose()


# -- whose is it -----------------------------------------------------------------------------------------------


async def told(server: DokployServer, since: datetime = START, **options: str) -> str | None:
    """Which deployment the provider takes for the one that this intent asked for, whose answer was lost."""
    async with provided(server) as provider:
        found = (await provider.snapshot()).services[0]
        intent = Intent("0123456789abcdef", Verb.DEPLOY, found, options=options)
        receipt = await provider.trace(intent, since)
    return None if receipt is None or receipt.deployment is None else receipt.deployment.id


MARK = "deckwatch 0123456789ab"


async def test_a_strangers_deployment_of_the_same_second_is_not_ours() -> None:
    server = shop()
    server.jobs = [job(8, titleLog="Manual deployment"), job(7, "active", titleLog="hotfix")]
    server.rows = [row(61, "running", createdAt=iso(START + timedelta(milliseconds=9)), title="hotfix"), *server.rows]
    assert await told(server) is None
    server.jobs.append(job(9, titleLog=MARK))
    assert await told(server) == f"job-9@{int(START.timestamp() * 1000) + 9}"


async def test_a_title_of_ones_own_is_believed_with_our_mark_or_alone_and_new() -> None:
    server = shop()
    old = row(30, title="hotfix")
    new = row(61, "running", createdAt=iso(START + timedelta(seconds=1)), title="hotfix")
    server.rows = [old]
    assert await told(server, title="hotfix") is None, "it was there before"
    server.rows = [new, old]
    assert await told(server, title="hotfix") == "dep61"
    server.rows = [{**new, "description": "by jweber"}, old]
    assert await told(server, title="hotfix") is None, "somebody else's description"
    server.rows = [{**new, "deploymentId": "dep62"}, new, old]
    assert await told(server, title="hotfix") is None, "two of them, and nothing tells them apart"
    server.rows = [{**new, "deploymentId": "dep62", "description": MARK}, new, old]
    assert await told(server, title="hotfix") == "dep62"


async def test_two_jobs_of_one_second_become_each_its_own_row() -> None:
    """They have one title, and the first build fails within half a second."""
    server = shop()
    queue = Queue(server)
    at = START + timedelta(seconds=5)
    async with provided(server) as provider:
        found = (await provider.snapshot()).services[0]
        first = ref(f"job-7@{queue.first['timestamp']}")
        queue.begin(0)
        assert (await provider.deployment(first, found)).id == "dep61"
        queue.first["state"] = "gone"
        server.jobs = [queue.second]
        queue.second |= {"state": "active", "processedOn": int(at.timestamp() * 1000) + 500}
        server.rows[0]["status"] = "error"
        second = row(62, "running", createdAt=iso(at + timedelta(milliseconds=501)))
        server.rows = [second, *server.rows]
        assert (await provider.deployment(queue.ref, found)).id == "dep62"
        assert (await provider.deployment(first, found)).id == "dep61"


async def test_a_fresh_provider_takes_the_row_that_began_with_an_active_job() -> None:
    server = shop()
    queue = Queue(server)
    at = START + timedelta(seconds=5)
    server.jobs = [queue.second]
    queue.second |= {"state": "active", "processedOn": int(at.timestamp() * 1000) + 500}
    server.rows = [
        row(62, "running", createdAt=iso(at + timedelta(milliseconds=501))),
        row(61, "error", createdAt=iso(at + timedelta(milliseconds=2))),
        *server.rows,
    ]
    async with provided(server) as provider:
        found = (await provider.snapshot()).services[0]
        assert (await provider.deployment(queue.ref, found)).id == "dep62"


async def test_a_time_that_cannot_be_read_leaves_the_row_where_dokploy_put_it() -> None:
    server = shop()
    server.rows = [row(40, createdAt="soon"), row(30), row(20, createdAt=None), row(10)]
    async with provided(server) as provider:
        _, listed = await read(provider)
    assert [each.id for each in listed] == ["dep40", "dep30", "dep20", "dep10"]
    assert [each.is_live for each in listed] == [True, False, False, False]


@pytest.mark.parametrize("status", [None, 7])
async def test_a_row_without_a_status_is_not_said_to_be_under_way(status: object) -> None:
    server = shop()
    server.rows = [{**row(40), "status": status}, row(20)]
    async with provided(server) as provider:
        found, listed = await read(provider)
        assert listed[0].status is Status.UNKNOWN
        assert "under way" in (provider.blocked(Verb.REMOVE, listed[0]) or "")
    assert found.live == listed[1]


async def test_what_never_started_has_no_start() -> None:
    server = shop()
    server.rows = [row(40, "error", startedAt=None, logPath="", errorMessage="SSH"), row(30, "cancelled"), row(20)]
    async with provided(server) as provider:
        _, listed = await read(provider)
    assert listed[0].started_at is None
    assert listed[1].duration_s(START) is None
