"""What can be done on Dokploy: the very requests, what is said before, and how each of them ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.responses import Response

from tests.clocks import START, FakeClock
from tests.providers.dokploy_server import (
    DokployServer,
    Json,
    container,
    iso,
    job,
    provided,
    refusal,
    row,
    service,
    shop,
)
from tui.model.action import Danger, Effect, Intent, Outcome, Receipt, Verb
from tui.model.entities import Deployment, Kind, Ref, Service
from tui.model.errors import Forbidden, NotFound, OutcomeUnknown, Refused, Unreachable
from tui.providers.dokploy import DokployProvider

DATABASES = ("postgres", "mysql", "mariadb", "mongo", "redis", "libsql")


def void(server: DokployServer, *procedures: str) -> None:
    """These succeed, with the empty body of Dokploy's void mutations."""
    for procedure in procedures:
        server.answers[procedure] = lambda _: None


class Desk:
    """One service, and what is done to it."""

    def __init__(self, provider: DokployProvider, server: DokployServer, clock: FakeClock) -> None:
        self.provider = provider
        self.server = server
        self.clock = clock

    async def service(self) -> Service:
        return (await self.provider.snapshot()).services[0]

    async def intent(self, verb: Verb, deployment: str = "", **options: str) -> Intent:
        found = await self.service()
        target: Deployment | None = None
        if deployment:
            target = await self.provider.deployment(Ref("dok", Kind.DEPLOYMENT, deployment), found)
        return Intent("0123456789abcdef", verb, found, target, options=options)

    async def effect(self, verb: Verb, deployment: str = "", **options: str) -> Effect:
        return self.provider.handlers[verb].effect(await self.intent(verb, deployment, **options))

    async def do(self, verb: Verb, deployment: str = "", **options: str) -> Receipt:
        receipt = await self.provider.handlers[verb].run(await self.intent(verb, deployment, **options))
        assert receipt.outcome is Outcome.ACCEPTED
        return receipt

    async def refused(self, verb: Verb, deployment: str = "", **options: str) -> Refused:
        """Both when it is explained and when it is done, and nothing is sent."""
        intent = await self.intent(verb, deployment, **options)
        with pytest.raises(Refused) as explained:
            self.provider.handlers[verb].effect(intent)
        with pytest.raises(Refused) as done:
            await self.provider.handlers[verb].run(intent)
        assert str(explained.value) == str(done.value)
        assert not self.posts()
        return done.value

    async def ok(self, receipt: Receipt) -> tuple[bool | None, str]:
        progress = await self.provider.progress(receipt)
        return progress.ok, progress.message

    def posts(self) -> list[tuple[str, Any]]:
        return [(call.procedure, call.body) for call in self.server.calls if call.method == "POST"]


@asynccontextmanager
async def desk(server: DokployServer) -> AsyncIterator[Desk]:
    clock = FakeClock()
    async with provided(server, clock) as provider:
        yield Desk(provider, server, clock)


# -- the requests ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", [Verb.DEPLOY, Verb.REDEPLOY])
@pytest.mark.parametrize("type_", ["application", "compose"])
async def test_deploying_is_one_post_with_a_title_of_its_own(verb: Verb, type_: str) -> None:
    server = shop(service("x1", type_))
    server.answers[f"{type_}.{verb}"] = lambda _: (
        None if type_ == "application" else {"success": True, "composeId": "x1"}
    )
    async with desk(server) as one:
        effect = await one.effect(verb)
        await one.do(verb)
    assert one.posts() == [(f"{type_}.{verb}", {f"{type_}Id": "x1", "title": "deckwatch 0123456789ab"})]
    assert f"POST {server.url}/api/{type_}.{verb}" in effect.call
    assert "0123456789ab" in effect.call
    assert any("pull new commits" in each for each in effect.warnings) is (verb is Verb.REDEPLOY)


async def test_what_was_asked_for_is_found_by_its_title_in_the_queue_and_then_as_a_row() -> None:
    server = shop()

    def deploy(call: Any) -> None:  # noqa: ANN401
        server.jobs = [job(4, titleLog="Manual deployment"), job(5, titleLog=call.body["title"])]

    server.answers["application.deploy"] = deploy
    async with desk(server) as one:
        receipt = await one.do(Verb.DEPLOY, title="  Roll   out ")
        assert receipt.deployment is not None
        assert receipt.deployment.id.startswith("job-5@")
        assert not receipt.operation
        assert one.posts()[0][1]["title"] == "Roll out"
        server.jobs = []
        server.rows = [
            row(70, "running", title="Manual deployment", createdAt=iso(START)),
            row(71, "running", title="Roll out", createdAt=iso(START)),
        ]
        found = await one.provider.deployment(receipt.deployment, await one.service())
        assert found.id == "dep71"


async def test_a_deployment_that_began_at_once_is_found_as_a_row() -> None:
    server = shop()

    def deploy(call: Any) -> None:  # noqa: ANN401
        server.rows = [row(70, "error", title=call.body["title"]), *server.rows]

    server.answers["application.deploy"] = deploy
    async with desk(server) as one:
        assert (await one.do(Verb.DEPLOY)).deployment == Ref("dok", Kind.DEPLOYMENT, "dep70")


async def test_an_accepted_deploy_stays_accepted_when_it_cannot_be_looked_for() -> None:
    server = shop()

    def deploy(_: Any) -> None:  # noqa: ANN401
        for procedure in ("deployment.queueList", "deployment.all"):
            server.answers[procedure] = lambda _: Response("", 502)

    server.answers["application.deploy"] = deploy
    async with desk(server) as one:
        assert (await one.do(Verb.DEPLOY)).deployment is None


@pytest.mark.parametrize("type_", DATABASES)
async def test_a_database_is_deployed_at_once_restarted_and_never_rebuilt(type_: str) -> None:
    server = shop(service("d1", type_, name="orders-db"))
    server.answers |= {f"{type_}.deploy": lambda _: {"databasePassword": "x"}, f"{type_}.reload": lambda _: True}
    server.containers = [container("shop-orders-db-x1.1.t1")]
    async with desk(server) as one:
        found = await one.service()
        assert "volumes" in (one.provider.blocked(Verb.REDEPLOY, found) or "")
        assert "volumes" in str(await one.refused(Verb.REDEPLOY))
        await one.refused(Verb.DEPLOY, title="x")
        await one.refused(Verb.CANCEL)
        receipt = await one.do(Verb.DEPLOY)
        assert await one.ok(receipt) == (True, "1 running")
        assert await one.ok(await one.do(Verb.RESTART)) == (True, "1 running")
        assert not any("rebuild" in procedure for procedure, _ in one.posts())
    assert one.posts()[1] == (f"{type_}.reload", {f"{type_}Id": "d1", "appName": "shop-orders-db-x1"})


async def test_a_restart_of_an_application_needs_its_internal_name() -> None:
    server = shop()
    server.answers["application.reload"] = lambda _: True
    async with desk(server) as one:
        await one.do(Verb.RESTART)
        assert one.posts() == [("application.reload", {"applicationId": "app1", "appName": "shop-api-x1"})]
        server.services = [service(appName=None)]
        await one.clock.advance(5)
        server.calls.clear()
        await one.refused(Verb.RESTART)


async def test_a_compose_service_is_restarted_one_container_at_a_time() -> None:
    server = shop(service("c1", "compose", name="m", serverId="s1"))
    server.containers = [
        container("shop-m-x1-web-1", id_="c1"),
        container("shop-m-x1-job-1", "exited", "Exited (0)", "c2"),
    ]
    void(server, "docker.restartContainer")
    async with desk(server) as one:
        server.rows = [row(1, applicationId=None, composeId="c1")]
        assert "no container" in str(await one.refused(Verb.RESTART, container="elsewhere"))
        await one.do(Verb.RESTART)
        assert one.posts() == [("docker.restartContainer", {"containerId": "c1", "serverId": "s1"})]
        server.calls.clear()
        server.containers.append(container("shop-m-x1-db-1", id_="c3"))
        await one.clock.advance(20)
        error = await one.refused(Verb.RESTART)
        assert error.message == (
            "m has 2 containers, and Dokploy restarts one at a time. Name one as the option container: "
            "c3 (shop-m-x1-db-1), c1 (shop-m-x1-web-1)."
        )
        assert "stop the service and start it" in error.remedy
        await one.do(Verb.RESTART, container="c3")


@pytest.mark.parametrize(
    ("type_", "verb", "words"),
    [
        ("application", Verb.START, "scale of 1"),
        ("compose", Verb.START, "stack is not started"),
        ("compose", Verb.STOP, "docker stack rm"),
        ("application", Verb.STOP, "even when Docker failed"),
    ],
)
async def test_stopping_and_starting_say_what_comes_with_them(type_: str, verb: Verb, words: str) -> None:
    server = shop(service("x1", type_))
    server.answers[f"{type_}.{verb}"] = lambda _: {"applicationStatus": "as before"}
    async with desk(server) as one:
        effect = await one.effect(verb)
        assert any(words in each for each in effect.warnings), effect.warnings
        await one.do(verb)
    assert one.posts() == [(f"{type_}.{verb}", {f"{type_}Id": "x1"})]


# -- cancelling ------------------------------------------------------------------------------------------------


async def test_what_waits_is_dropped_with_all_that_waits() -> None:
    server = shop()
    server.jobs = [job(2), job(1)]
    void(server, "application.cleanQueues")
    async with desk(server) as one:
        waiting = (await one.service()).latest
        assert waiting is not None
        effect = await one.effect(Verb.CANCEL, waiting.id)
        assert effect.danger is Danger.ASK
        assert any("Every waiting job" in each and "2" in each for each in effect.warnings)
        await one.refused(Verb.CANCEL, waiting.id, how="build")
        receipt = await one.do(Verb.CANCEL, waiting.id)
        assert (await one.ok(receipt))[0] is None
        server.jobs = []
        assert (await one.ok(receipt))[0] is True
    assert one.posts() == [("application.cleanQueues", {"applicationId": "app1"})]


async def test_a_build_with_a_known_process_is_killed_by_it() -> None:
    server = shop(service(status="running"))
    server.rows = [row(58, "running", pid="4711"), row(20)]
    void(server, "deployment.killProcess")
    async with desk(server) as one:
        assert (await one.effect(Verb.CANCEL, "dep58")).danger is Danger.ASK
        receipt = await one.do(Verb.CANCEL, "dep58")
        assert await one.ok(receipt) == (None, "it still runs")
        server.rows = [row(58, "error", pid="4711"), row(20)]
        assert await one.ok(receipt) == (True, "it was ended (error)")
    assert one.posts() == [("deployment.killProcess", {"deploymentId": "dep58"})]


@pytest.mark.parametrize(("type_", "command"), [("application", "docker build"), ("compose", "docker compose")])
async def test_any_other_build_is_killed_on_the_whole_host_which_wants_typing(type_: str, command: str) -> None:
    server = shop(service("x1", type_, "running"))
    owner: Json = {"applicationId": None, "composeId": "x1"} if type_ == "compose" else {"applicationId": "x1"}
    server.rows = [row(58, "running", **owner), row(20, **owner)]
    void(server, f"{type_}.killBuild")
    async with desk(server) as one:
        effect = await one.effect(Verb.CANCEL, "dep58")
        assert effect.danger is Danger.TYPE
        assert command in effect.does
        assert any("other teams" in each for each in effect.warnings)
        assert "how=build" in (await one.refused(Verb.CANCEL, "dep58", how="process")).remedy
        assert "how=build" in (await one.refused(Verb.CANCEL, "dep58", how="queue")).remedy
        assert "queue, process, build" in (await one.refused(Verb.CANCEL, "dep58", how="nicely")).remedy
        receipt = await one.do(Verb.CANCEL, "dep58")
        server.rows = [row(58, "done", **owner)]
        assert (await one.ok(receipt))[0] is False
    assert one.posts() == [(f"{type_}.killBuild", {f"{type_}Id": "x1"})]


async def test_nothing_under_way_is_nothing_to_cancel() -> None:
    async with desk(shop()) as one:
        found = await one.service()
        assert one.provider.blocked(Verb.CANCEL, found) == "Nothing of it waits or is built."
        await one.refused(Verb.CANCEL, "dep20")


# -- rollback and records --------------------------------------------------------------------------------------


async def test_a_rollback_goes_by_the_rollbacks_id_and_ends_when_other_containers_run() -> None:
    server = shop()
    server.rows = [row(20, rollbackId="r2"), row(10, rollbackId="r1")]
    void(server, "rollback.rollback")
    async with desk(server) as one:
        effect = await one.effect(Verb.ROLLBACK, "dep10")
        assert any("no trace" in each for each in effect.warnings)
        assert "r1" in effect.call
        receipt = await one.do(Verb.ROLLBACK, "dep10")
        assert receipt.deployment is None
        assert receipt.operation
        assert (await one.ok(receipt))[0] is None, "the containers of before still run"
        server.containers = [
            container("shop-api-x1.1.new", "created", "Created", "n1"),
            container(state="exited", status="Exited (143) 1 second ago"),
        ]
        assert (await one.ok(receipt))[0] is None
        server.containers[0] = container("shop-api-x1.1.new", id_="n1")
        assert await one.ok(receipt) == (True, "1 running")
    assert one.posts() == [("rollback.rollback", {"rollbackId": "r1"})]


async def test_a_rollback_to_what_crashes_has_failed() -> None:
    server = shop()
    server.rows = [row(20, rollbackId="r2"), row(10, rollbackId="r1")]
    void(server, "rollback.rollback")
    async with desk(server) as one:
        receipt = await one.do(Verb.ROLLBACK, "dep10")
        server.containers = [container("shop-api-x1.1.new", "restarting", "Restarting (1) 1 second ago", "n1")]
        assert (await one.ok(receipt))[0] is None, "swarm tries again"
        await one.clock.advance(20)
        assert await one.ok(receipt) == (False, "1 of 1 crash: Restarting (1) 1 second ago")


async def test_a_restart_that_replaced_no_container_is_none() -> None:
    server = shop()
    server.answers["application.reload"] = lambda _: True
    async with desk(server) as one:
        receipt = await one.do(Verb.RESTART)
        await one.clock.advance(60)
        assert await one.ok(receipt) == (None, "the former containers still run")
        await one.clock.advance(120)
        assert await one.ok(receipt) == (False, "the former containers still run after 3 min")


async def test_a_start_after_which_no_container_runs_has_failed_whatever_dokploy_says() -> None:
    server = shop(service("c1", "compose", status="idle"))
    server.rows, server.containers = [row(1, applicationId=None, composeId="c1")], []
    server.answers |= {
        "compose.start": lambda _: True,
        "docker.getStackContainersByAppName": lambda _: [],
        "docker.getContainersByAppNameMatch": lambda _: [],
    }
    async with desk(server) as one:
        receipt = await one.do(Verb.START)
        server.services = [service("c1", "compose")]
        assert await one.ok(receipt) == (None, "no container is seen yet")
        await one.clock.advance(60)
        assert await one.ok(receipt) == (False, "no container runs, though Dokploy calls it done")


@pytest.mark.parametrize("verb", [Verb.START, Verb.STOP])
async def test_while_the_containers_cannot_be_read_no_end_is_told(verb: Verb) -> None:
    server = shop(service(status="idle" if verb is Verb.START else "done"))
    server.answers[f"application.{verb}"] = lambda _: {}
    async with desk(server) as one:
        receipt = await one.do(verb)
        server.services = [service(status="done" if verb is Verb.START else "idle")]
        server.answers["docker.getContainers"] = lambda _: refusal(500, "boom", "X", path="x")
        await one.clock.advance(90)
        ok, message = await one.ok(receipt)
    assert ok is None
    assert "could not be read" in message


async def test_a_stop_ends_when_nothing_runs_and_dokploy_says_idle() -> None:
    server = shop()
    server.answers["application.stop"] = lambda _: {"applicationStatus": "done"}
    async with desk(server) as one:
        receipt = await one.do(Verb.STOP)
        assert await one.ok(receipt) == (None, "1 still running")
        server.containers = [container(state="exited", status="Exited (143) 1 second ago")]
        assert (await one.ok(receipt))[0] is None
        server.services = [service(status="idle")]
        assert await one.ok(receipt) == (True, "stopped")


async def test_a_record_is_removed_and_one_under_way_is_not() -> None:
    server = shop()
    server.rows = [row(58, "running"), row(20), row(10)]
    server.answers["deployment.removeDeployment"] = lambda _: row(10)
    async with desk(server) as one:
        await one.refused(Verb.REMOVE, "dep58")
        await one.refused(Verb.REMOVE)
        effect = await one.effect(Verb.REMOVE, "dep10")
        assert any("log is deleted" in each for each in effect.warnings)
        assert any("rolled back" in each for each in effect.warnings)
        receipt = await one.do(Verb.REMOVE, "dep10")
        assert (await one.ok(receipt))[0] is None
        server.rows = server.rows[:2]
        assert (await one.ok(receipt))[0] is True
    assert one.posts() == [("deployment.removeDeployment", {"deploymentId": "dep10"})]


async def test_an_older_dokploy_without_removal_says_so() -> None:
    async with desk(shop()) as one:
        with pytest.raises(NotFound, match="this version of Dokploy"):
            await one.do(Verb.REMOVE, "dep10")


# -- what comes back -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refusal(401, "You don't have access to this service", "UNAUTHORIZED", path="x"), Forbidden),
        (refusal(400, "Error input: Rolling back", "BAD_REQUEST", path="x"), Refused),
        (refusal(500, "Error reloading application", "INTERNAL_SERVER_ERROR", path="x"), Refused),
        (
            refusal(500, "Command execution failed: Command failed: docker x", "INTERNAL_SERVER_ERROR", path="x"),
            Refused,
        ),
        (refusal(500, "something", "INTERNAL_SERVER_ERROR", path="x"), OutcomeUnknown),
        (Response("<html></html>", 502, media_type="text/html"), OutcomeUnknown),
        (Response("", 499), OutcomeUnknown),
        (Response('{"message":"gone"}', 499, media_type="application/json"), OutcomeUnknown),
        (Response('{"message":"upstream timed out"}', 504, media_type="application/json"), OutcomeUnknown),
        (Response("<html></html>", 200, media_type="text/html"), OutcomeUnknown),
        (Response("tru", 200, media_type="application/json"), OutcomeUnknown),
    ],
)
async def test_no_answer_but_a_clear_one_is_taken_for_a_refusal(answer: Response, error: type[Exception]) -> None:
    server = shop()
    server.answers["application.reload"] = lambda _: answer
    async with desk(server) as one:
        with pytest.raises(error) as caught:
            await one.do(Verb.RESTART)
        if error is Refused:
            assert not isinstance(caught.value, Unreachable)
    assert len(one.posts()) == 1


async def test_a_lost_answer_is_unknown_and_nothing_is_sent_again() -> None:
    server = shop()

    def cut(_: Any) -> None:  # noqa: ANN401
        server.cut()

    server.answers["application.stop"] = cut
    async with desk(server) as one:
        with pytest.raises(OutcomeUnknown):
            await one.do(Verb.STOP)
    assert len(one.posts()) == 1


@pytest.mark.parametrize("verb", [Verb.DEPLOY, Verb.STOP, Verb.CANCEL, Verb.REMOVE])
async def test_options_that_are_not_known_are_refused_before_anything_is_sent(verb: Verb) -> None:
    async with desk(shop()) as one:
        assert "'nonsense'" in str(await one.refused(verb, nonsense="1"))
        if verb is Verb.DEPLOY:
            assert "120" in str(await one.refused(verb, title="x" * 121))


async def test_every_verb_is_there_or_said_to_be_missing() -> None:
    async with desk(shop()) as one:
        found = await one.service()
        for verb in Verb:
            assert (verb in one.provider.handlers) is not (verb in one.provider.lacks)
        assert "approvals" in (one.provider.blocked(Verb.APPROVE, found) or "")
