"""What Railway's status, its `deploymentStopped` and its instances mean together, and how long a rollout took."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.providers import railway_rows as rows
from tui.credentials import Secret
from tui.model.entities import Deployment, Kind, Ref
from tui.model.status import Status
from tui.providers.http import Peer
from tui.providers.railway import decode, states, wire
from tui.providers.railway.decode import Live, Pages

PEER = Peer("prod", "Railway", "https://railway.example", "", Secret("a-secret-token"))
RUNNING, ENDED, CRASHED, STARTING = ("RUNNING",), ("EXITED", "REMOVED"), ("CRASHED",), ("RESTARTING",)
INSTANCES = {
    "none": (),
    "running": RUNNING,
    "ended": ENDED,
    "crashed": CRASHED,
    "starting": STARTING,
    "crashed and ended": (*CRASHED, *ENDED),
    "crashed and running": (*CRASHED, *RUNNING),
    "of another word": ("TELEPORTING",),
}
REFINED: dict[tuple[str, bool], dict[str, Status]] = {
    ("SUCCESS", False): {
        "ended": Status.UNKNOWN,
        "crashed": Status.CRASHED,
        "starting": Status.DEPLOYING,
        "crashed and ended": Status.CRASHED,
    },
    ("SUCCESS", True): dict.fromkeys(INSTANCES, Status.STOPPED),
    # Asleep, with the flag, an instance still reads RUNNING; crashed for good, CRASHED. Only a stop ends them all.
    ("SLEEPING", True): {"ended": Status.STOPPED},
    ("CRASHED", True): {"ended": Status.STOPPED},
}
"""What differs from the word alone. The flag is also true while a deployment starts, and when one has failed."""


def deployment(status: str, live: Live | None = None, **more: Any) -> Deployment:  # noqa: ANN401
    row = wire.one(rows.deployment("d1", status, **more), wire.DeploymentRow, PEER, "deployment")
    service = Ref("prod", Kind.SERVICE, "e1:s1")
    return decode.deployment(row, service, "p1", live or Live(frozenset({"d1"})), Pages(on_railway=True))


@pytest.mark.parametrize(
    ("word", "stopped", "instances"), itertools.product([*states.STATUS, "TELEPORTING"], [False, True], INSTANCES)
)
def test_a_status_is_refined_by_the_flag_and_the_instances(word: str, stopped: bool, instances: str) -> None:
    replicas = [{"id": f"i{n}", "status": status} for n, status in enumerate(INSTANCES[instances])]
    found = deployment(word, deploymentStopped=stopped, instances=replicas)
    usual = states.STATUS.get(word, Status.UNKNOWN)
    assert found.status is REFINED.get((word, stopped), {}).get(instances, usual)
    assert found.status_raw == word
    assert found.is_live is (found.status in (Status.LIVE, Status.SLEEPING, Status.CRASHED))


def test_an_instance_that_cannot_be_read_is_no_evidence_that_all_have_ended() -> None:
    found = deployment("CRASHED", deploymentStopped=True, instances=[{"id": "i1", "status": "EXITED"}, 7])
    assert found.status is Status.CRASHED
    assert len(found.instances) == 2


def test_an_older_success_is_superseded_whether_it_has_stopped_or_not() -> None:
    newer = Live(frozenset({"d2"}), datetime(2026, 9, 2, tzinfo=UTC))
    for stopped in (False, True):
        assert deployment("SUCCESS", newer, deploymentStopped=stopped).status is Status.SUPERSEDED


@pytest.mark.parametrize(
    ("word", "more", "seconds"),
    [
        ("SUCCESS", {}, 180.0),
        ("SUCCESS", {"statusUpdatedAt": "2026-09-04T12:00:00Z"}, None),  # restarted, woken or approved days later
        ("SUCCESS", {"deploymentStopped": True}, None),  # the platform does not say that it dates the rollout
        ("SUCCESS", {"statusUpdatedAt": "0001-01-01T00:00:00Z"}, None),
        ("FAILED", {"instances": [], "meta": {"serviceManifest": {"deploy": {"numReplicas": 1}}}}, 180.0),
        ("FAILED", {"instances": [{"id": "i1", "status": "EXITED"}], "meta": None}, 180.0),
        ("FAILED", {"instances": [], "meta": {"reason": "deploy"}, "statusUpdatedAt": "2026-09-04T12:00:00Z"}, None),
        ("SKIPPED", {"instances": [], "statusUpdatedAt": "2026-09-04T12:00:00Z"}, None),
        ("REMOVED", {}, None),
    ],
)
def test_what_never_started_has_no_duration(word: str, more: dict[str, Any], seconds: float | None) -> None:
    assert deployment(word, **more).duration_s(datetime(2026, 9, 9, tzinfo=UTC)) == seconds
