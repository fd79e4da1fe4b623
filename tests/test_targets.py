"""What a person types to name a service or a deployment."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.entities import deployment, service
from tui.model.action import Verb
from tui.model.entities import Kind, Ref, Service
from tui.model.status import Status
from tui.targets import Selector, TargetError, find_deployment, find_service, previous_good, select, split


def named(path: str) -> Service:
    account, project, environment, name = path.split("/")
    ref = Ref(account, Kind.SERVICE, f"{project}:{environment}:{name}")
    return replace(service(name), ref=ref, project_name=project, environment_name=environment, name=name)


API = named("prod/shop/production/api")
STAGED = named("prod/shop/staging/api")
WORKER = named("prod/shop/production/worker")
APIARY = named("team/bees/production/apiary")
ALL = (API, STAGED, WORKER, APIARY)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("prod/shop/production/api", API),
        ("production/api", API),
        ("Staging/API", STAGED),
        ("worker", WORKER),
        ("work", WORKER),
        ("apiary", APIARY),
        ("stag/api", STAGED),
        ("bees/prod", APIARY),
        (str(STAGED.ref), STAGED),
    ],
)
def test_a_service_is_named_by_its_path_an_end_of_it_fragments_or_its_ref(text: str, meant: Service) -> None:
    assert find_service(text, ALL) is meant


def test_two_matches_are_both_listed_and_none_is_taken() -> None:
    with pytest.raises(TargetError, match="'api' names 2 services") as caught:
        find_service("api", ALL)

    assert caught.value.candidates == (API.path, STAGED.path)


def test_two_services_of_the_very_same_path_are_told_apart_by_their_refs() -> None:
    twin = replace(API, ref=Ref("prod", Kind.SERVICE, "other"))

    with pytest.raises(TargetError) as caught:
        find_service("shop/production/api", (API, twin))

    assert caught.value.candidates == (str(API.ref), str(twin.ref))
    assert find_service(caught.value.candidates[1], (API, twin)) is twin


def test_no_match_lists_what_there_is() -> None:
    with pytest.raises(TargetError, match="No service is named 'nope'") as caught:
        find_service("nope", (API, WORKER))

    assert caught.value.candidates == (API.path, WORKER.path)


@pytest.mark.parametrize(
    ("text", "target", "selector"),
    [
        ("api", "api", None),
        ("prod/api@live", "prod/api", Selector("live")),
        ("api@previous", "api", Selector("previous")),
        ("api@latest", "api", Selector("latest")),
        ("api~2", "api", Selector(back=2)),
        ("~1", "", Selector(back=1)),
        ("api@v2", "api@v2", None),
        ("ops~tool", "ops~tool", None),
    ],
)
def test_a_selector_stands_at_the_end_and_other_signs_belong_to_the_name(
    text: str, target: str, selector: Selector | None
) -> None:
    assert split(text) == (target, selector)


TIMELINE = (
    deployment("e5e5", Status.FAILED, is_live=False),
    deployment("d4d4", Status.LIVE, is_live=True),
    deployment("c3c3", Status.FAILED, is_live=False),
    deployment("c2b2", Status.REMOVED, is_live=False, not_now={Verb.ROLLBACK: "its image is gone"}),
    deployment("a1a1", Status.REMOVED, is_live=False),
)


@pytest.mark.parametrize(
    ("selector", "meant"),
    [
        (Selector("latest"), "e5e5"),
        (Selector("live"), "d4d4"),
        (Selector("previous"), "a1a1"),
        (Selector(back=0), "e5e5"),
        (Selector(back=2), "c3c3"),
    ],
)
def test_a_selector_picks_from_the_timeline(selector: Selector, meant: str) -> None:
    assert select(selector, TIMELINE).id == meant


def test_the_previous_one_has_served_and_can_be_gone_back_to() -> None:
    assert previous_good(TIMELINE) is TIMELINE[4]
    assert previous_good(TIMELINE[:4]) is None
    assert previous_good(TIMELINE[2:]) is TIMELINE[4]  # none is live: the last good one at all


@pytest.mark.parametrize(
    ("selector", "said"),
    [
        (Selector(back=5), "only 5 deployments"),
        (Selector("previous"), "no good deployment before"),
        (Selector("live"), "No deployment of the service is live"),
    ],
)
def test_a_selector_that_picks_nothing_says_so(selector: Selector, said: str) -> None:
    timeline = TIMELINE if selector.back else TIMELINE[2:4]

    with pytest.raises(TargetError, match=said):
        select(selector, timeline)


def test_a_deployment_is_named_by_its_id_or_its_beginning() -> None:
    assert find_deployment("d4d4", TIMELINE).id == "d4d4"
    assert find_deployment("A1", TIMELINE).id == "a1a1"
    with pytest.raises(TargetError) as caught:
        find_deployment("c", TIMELINE)
    assert caught.value.candidates == ("c3c3", "c2b2")
    with pytest.raises(TargetError, match="There is no deployment 'zz'"):
        find_deployment("zz", TIMELINE)
