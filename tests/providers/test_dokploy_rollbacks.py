"""Which deployment is live: what the image says, and what a rollback, by a person or by Swarm, leaves behind."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.clocks import START, FakeClock
from tests.providers.dokploy_server import (
    Json,
    container,
    iso,
    provided,
    row,
    service,
    shop,
)
from tests.providers.dokploy_swarm import ERROR, LATEST, LONG_AGO, NAME, Swarm, ended, on_swarm, read, real
from tui.model.status import Status

BUSYBOX = "127.0.0.1:5099/busybox:1"
WEB = "shop-web-pmftsa"
OUT_OF_THE_LOOP = real(
    WEB,
    ("yex48n", f"127.0.0.1:5099/lab/{WEB}:v41", "running", "Up About a minute"),
    *((f"wt3j0{n}", f"{WEB}:latest", "exited", "Exited (1) About a minute ago") for n in range(3)),
    ("tdc5uz", f"{WEB}:latest", "exited", "Exited (1) 2 minutes ago"),
)
JUST_ROLLED_BACK = real(
    WEB,
    ("l7rmta", f"127.0.0.1:5099/lab/{WEB}:v4", "running", "Up 21 seconds"),
    ("9gblz8", f"{WEB}:latest", "created", "Created"),
    ("8z444u", f"{WEB}:latest", "exited", "Exited (1) 25 seconds ago"),
    ("dflhgb", f"{WEB}:latest", "exited", "Exited (1) 32 seconds ago"),
    ("kzyr92", f"{WEB}:latest", "exited", "Exited (1) 39 seconds ago"),
)


def kept(**versions: int) -> Any:  # noqa: ANN401
    """What deployment.allByType says of the images that were kept, secrets and all."""
    return lambda _: [
        {**row(1), "deploymentId": id_, "rollback": {"version": version, "fullContext": {"env": "KEPT-SECRET"}}}
        for id_, version in versions.items()
    ]


@pytest.mark.parametrize(("containers", "version"), [(OUT_OF_THE_LOOP, 41), (JUST_ROLLED_BACK, 4)])
async def test_former_containers_of_another_image_say_nothing_of_what_runs(
    containers: list[Json], version: int
) -> None:
    server = shop(service(appName=WEB))
    server.containers = containers
    server.rows = [row(50), row(40, rollbackId="r4"), row(30, rollbackId="r3")]
    server.answers["deployment.allByType"] = kept(dep50=version + 1, dep40=version, dep30=version - 1)
    async with provided(server) as provider:
        found = await read(provider)
        listed = (await provider.deployments(found)).items
    assert found.status is Status.LIVE
    assert found.live == listed[1]
    assert [(each.id, each.status, each.is_live) for each in listed] == [
        ("dep50", Status.SUPERSEDED, False),
        ("dep40", Status.LIVE, True),
        ("dep30", Status.SUPERSEDED, False),
    ]
    assert listed[0].note == listed[1].note == f"rolled back: image v{version} runs"


async def test_a_kept_image_of_a_deployment_that_nobody_knows_makes_none_of_them_live() -> None:
    server = shop(service(appName=WEB))
    server.containers = JUST_ROLLED_BACK
    server.rows = [row(50), row(40, rollbackId="r4")]
    async with provided(server) as provider:
        found = await read(provider)
        listed = (await provider.deployments(found)).items
    assert (found.status, found.status_raw, found.live) == (Status.LIVE, "done (image v4 runs)", None)
    assert [(each.status, each.is_live) for each in listed] == [(Status.SUPERSEDED, False), (Status.SUPERSEDED, False)]
    assert listed[0].note == "rolled back: image v4 runs"


async def test_which_image_is_whose_is_asked_once_and_nothing_secret_is_kept_of_it() -> None:
    server, clock = shop(service(appName=WEB)), FakeClock()
    server.containers = JUST_ROLLED_BACK
    server.rows = [row(50), row(40, rollbackId="r4")]
    server.answers["deployment.allByType"] = kept(dep40=4)
    async with provided(server, clock) as provider:
        for _ in range(30):
            found = await read(provider)
            await clock.advance(20)
        text = repr(provider._picture.known)
    assert found.live is not None
    assert len(server.called("deployment.allByType")) == 1
    assert "KEPT-SECRET" not in text


async def test_an_image_of_somebody_elses_that_is_called_v3_is_no_rollback() -> None:
    server = shop()
    server.containers = [container(image="docker.io/library/traefik:v3")]
    async with provided(server) as provider:
        found = await read(provider)
    assert found.live is not None
    assert (found.live.id, found.live.note) == ("dep20", "")
    assert not server.called("deployment.allByType")


GATEWAY = "shop-api-gateway-wm8gug"
WENT_BACK = real(
    GATEWAY,
    ("kap8dx", BUSYBOX, "running", "Up 7 minutes"),
    ("zofnk1", BUSYBOX, "exited", "Exited (1) 7 minutes ago"),
    ("rr7c5r", BUSYBOX, "created", "Created"),
    ("2ogeof", BUSYBOX, "exited", "Exited (0) 7 minutes ago"),
    ("n7llnz", BUSYBOX, "exited", "Exited (0) 18 minutes ago"),
)
WENT_BACK_TASKS = [
    {"containerId": id_, "name": f"{GATEWAY}.1", "state": state, "currentState": current, "node": "vm", "error": error}
    for id_, state, current, error in (
        ("kap8dx", "running", "Running 7 minutes ago", ""),
        ("zofnk1", "shutdown", "Failed 7 minutes ago", f'"{ERROR}"'),
        ("2ogeof", "shutdown", "Shutdown 7 minutes ago", ""),
        ("rr7c5r", "shutdown", "Shutdown 18 minutes ago", ""),
        ("n7llnz", "shutdown", "Shutdown 18 minutes ago", "Error:"),
    )
]


async def test_what_swarm_rolled_back_by_itself_has_failed_and_the_former_serves() -> None:
    server = shop(service(appName=GATEWAY))
    server.containers = WENT_BACK
    server.answers["docker.getServiceContainersByAppName"] = lambda _: WENT_BACK_TASKS
    deployed = START - timedelta(minutes=7, seconds=20)
    server.rows = [row(52, createdAt=iso(deployed), finishedAt=iso(deployed)), row(41), row(30)]
    async with provided(server) as provider:
        found = await read(provider)
        listed = (await provider.deployments(found)).items
    assert [(each.id, each.status, each.is_live) for each in listed] == [
        ("dep52", Status.FAILED, False),
        ("dep41", Status.LIVE, True),
        ("dep30", Status.SUPERSEDED, False),
    ]
    assert listed[0].note == f"Docker Swarm rolled it back: {ERROR}"
    assert (found.status, found.live) == (Status.LIVE, listed[1])


@pytest.mark.parametrize("lives_s", [0.5, 1.6, 4.0])
async def test_swarms_own_rollback_is_seen_as_it_happens_and_stays_seen(lives_s: float) -> None:
    clock, swarm = FakeClock(), Swarm()
    swarm.run(LATEST, LONG_AGO)
    swarm.update(LATEST, START + timedelta(seconds=0.2), lives_s=lives_s, code=1)
    swarm.run(LATEST, START + timedelta(seconds=0.4 + lives_s))
    server = on_swarm(swarm, clock)
    server.rows = [row(60, finishedAt=iso(START)), *server.rows]
    await clock.advance(lives_s + 2)
    async with provided(server, clock) as provider:
        for _ in range(60):
            found = await read(provider)
            newest = (await provider.deployments(found)).items[0]
            assert (newest.status, newest.note) == (Status.FAILED, f"Docker Swarm rolled it back: {ERROR}")
            assert found.live is not None
            assert found.live.id == "dep20"
            await clock.advance(137)
        del swarm.tasks[:-1]  # Docker's nightly clean-up
        assert (await provider.deployments(await read(provider))).items[0].status is Status.FAILED


async def test_a_restart_by_swarm_after_one_crash_is_no_rollback() -> None:
    clock, swarm = FakeClock(), Swarm()
    swarm.run(LATEST, LONG_AGO)
    swarm.update(LATEST, START, lives_s=2, code=1)
    swarm.run(LATEST, START + timedelta(seconds=7))
    server = on_swarm(swarm, clock)
    server.rows = [row(60, finishedAt=iso(START)), *server.rows]
    await clock.advance(9)
    async with provided(server, clock) as provider:
        for _ in range(40):
            found = await read(provider)
            assert found.live is not None
            assert (found.status, found.live.id) == (Status.LIVE, "dep60")
            await clock.advance(37)


async def test_a_restart_applies_what_swarm_had_rolled_back() -> None:
    clock, swarm = FakeClock(), Swarm()
    swarm.run(LATEST, LONG_AGO)
    swarm.update(LATEST, START, lives_s=1, code=1)
    swarm.run(LATEST, START + timedelta(seconds=1.3))
    server = on_swarm(swarm, clock)
    server.rows = [row(60, finishedAt=iso(START)), *server.rows]
    await clock.advance(5)
    async with provided(server, clock) as provider:
        assert (await provider.deployments(await read(provider))).items[0].status is Status.FAILED
        swarm.update(LATEST, clock.now() + timedelta(seconds=30))
        await clock.advance(60)
        found = await read(provider)
    assert found.live is not None
    assert found.live.id == "dep60"


async def test_ages_too_coarse_to_tell_a_rollback_from_a_restart_leave_a_doubt() -> None:
    server = shop()
    server.containers = [
        container(f"{NAME}.1.t3", status="Up 3 hours", image=LATEST),
        ended("t2", 1, "3 hours"),
        ended("t1", 143, "3 hours"),
    ]
    deployed = START - timedelta(hours=3, minutes=10)
    server.rows = [row(1, finishedAt=iso(deployed), createdAt=iso(deployed)), row(0, createdAt=iso(LONG_AGO))]
    async with provided(server) as provider:
        found = await read(provider)
    assert found.status is Status.LIVE
    assert "may have rolled back" in found.doubt
    assert found.state is Status.UNKNOWN


async def test_while_the_former_container_runs_what_was_just_deployed_is_not_live() -> None:
    clock, swarm = FakeClock(), Swarm()
    swarm.run(LATEST, LONG_AGO)
    new = swarm.run(LATEST, START + timedelta(seconds=8))
    new.created = START + timedelta(seconds=3)
    server = on_swarm(swarm, clock)
    server.rows = [row(60, finishedAt=iso(START)), *server.rows]
    await clock.advance(4)
    async with provided(server, clock) as provider:
        found = await read(provider)
        assert found.latest is not None
        assert found.live is not None
        assert (found.latest.id, found.latest.status, found.live.id) == ("dep60", Status.DEPLOYING, "dep20")
        assert found.status is Status.LIVE
        await clock.advance(5)
        swarm.tasks[0].ends, swarm.tasks[0].code = clock.now(), None
        assert (await provider.deployment(found.latest.ref, found)).status is Status.LIVE
