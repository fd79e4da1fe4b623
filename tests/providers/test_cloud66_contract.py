"""Every example of the contract is read: each answer of Cloud 66 that is printed somewhere becomes what it says."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from starlette.responses import JSONResponse

from tests.providers.cloud66_server import Cloud66Server, cloud66
from tests.shared import CONTRACTS, needs_contracts
from tui.model.entities import Deployment, Kind, Ref
from tui.model.errors import Forbidden, NotFound, RateLimited, Refused, Unauthorized
from tui.model.log import Level, LogLine
from tui.model.status import Status
from tui.providers import values
from tui.providers.cloud66 import decode, progress, wire
from tui.providers.cloud66.decode import Place
from tui.providers.cloud66.log_lines import live_row, operation_lines

EXAMPLES = CONTRACTS / "cloud66" / "examples"
HERE = Place(Ref("work", Kind.SERVICE, "uid"), live=107)

pytestmark = needs_contracts

KINDS: dict[str, type[Any]] = {
    "deployment_get": wire.DeploymentRow,
    "deployment_model_v3_partial": wire.DeploymentRow,
    "deployments_list": list[wire.DeploymentRow],
    "deployment_create_v3": wire.AcceptedRow,
    "deployment_create_2020": wire.AcceptedRow,
    "deployment_create_not_queued": wire.AcceptedRow,
    "deployment_cancel_v3": wire.AcceptedRow,
    "deployment_cancel_2020": wire.AcceptedRow,
    "ping_CONSTRUCTED": wire.AcceptedRow,
    "stacks_list": list[wire.StackRow],
    "stack_get": wire.StackRow,
    "stack_full_v3": wire.StackRow,
    "stack_docker_2016": wire.StackRow,
    "webhook_stack_event_v3": wire.StackRow,
    "actions_list": list[wire.ActionRow],
    "action_get": wire.ActionRow,
    "action_create": wire.ActionRow,
    "stack_reboot": wire.ActionRow,
    "server_reboot": wire.ActionRow,
    "service_scale": wire.ActionRow,
    "service_stop": wire.ActionRow,
    "container_stop": wire.ActionRow,
    "process_scale": list[wire.ActionRow],
    "services_list": list[wire.ServiceRow],
    "services_list_2016": list[wire.ServiceRow],
    "service_get": wire.ServiceRow,
    "service_model_v3": wire.ServiceRow,
    "containers_list": list[wire.ContainerRow],
    "container_get": wire.ContainerRow,
    "container_model_v3": wire.ContainerRow,
    "processes_list": list[wire.ProcessRow],
    "accounts_list": list[wire.AccountRow],
    "account_get_v3": wire.AccountRow,
    "pagination_model_v3": wire.PageRow,
    "operation_logs_CONSTRUCTED": list[wire.OperationLine],
}
NOT_ASKED_FOR = {"servers_list", "notifications_list", "application_variants_list_v3"}
ELSEWHERE = {"errors_CONSTRUCTED", "faye_exchange_CONSTRUCTED"}


def body(name: str) -> Any:  # noqa: ANN401
    return json.loads((EXAMPLES / f"{name}.json").read_text("utf-8"))["body"]


def decoded(name: str) -> Any:  # noqa: ANN401
    payload, _ = wire.unwrap(json.dumps(body(name)).encode())
    return msgspec.json.decode(payload, type=KINDS[name])


def test_no_example_is_forgotten() -> None:
    there = {path.stem for path in EXAMPLES.glob("*.json")}
    assert there == KINDS.keys() | NOT_ASKED_FOR | ELSEWHERE


@pytest.mark.parametrize("name", KINDS)
def test_every_example_is_read(name: str) -> None:
    found = decoded(name)
    assert found != []
    first = found[0] if isinstance(found, list) else found
    assert any(getattr(first, field) not in (None, "") for field in first.__struct_fields__)


@pytest.mark.parametrize("name", ["deployment_get", "deployment_model_v3_partial"])
def test_the_two_ways_to_write_a_deployment_mean_the_same(name: str) -> None:
    row = decoded(name)
    found = decode.deployment(row, Place(HERE.service, live=row.id))
    assert (found.status, found.status_raw, found.trigger) == (Status.LIVE, "success", "web")
    assert found.finished_at is not None
    assert found.duration_s(found.finished_at) in (727, 930)


def test_the_seeds_deployment_is_shown_whole() -> None:
    found = decode.deployment(decoded("deployment_get"), HERE)
    assert isinstance(found, Deployment)
    assert (found.id, found.is_live, found.creator) == ("107", True, "test@cloud66.com")
    assert found.revision is not None
    assert found.revision.short == "5675fcd"
    assert found.revision.url is not None
    assert found.finished_at is not None
    assert found.duration_s(found.finished_at) == 727


def test_every_date_of_every_example_is_read() -> None:
    read = 0
    for path in sorted(EXAMPLES.glob("*.json")):
        for name, text in dates(json.loads(path.read_text("utf-8"))["body"]):
            if not text.startswith("0001"):  # docker's way to say never
                assert values.moment(text) is not None, f"{path.name}: {name} {text}"
                read += 1
    assert read > 60


def dates(found: object, name: str = "") -> list[tuple[str, str]]:
    if isinstance(found, dict):
        return [each for key, value in found.items() for each in dates(value, key)]
    if isinstance(found, list):
        return [each for value in found for each in dates(value, name)]
    is_date = isinstance(found, str) and name.endswith(("_at", "_iso", "last_activity"))
    return [(name, str(found))] if is_date else []


def test_an_action_is_followed_by_its_end_and_not_by_a_word() -> None:
    ended, running = decoded("action_get"), decoded("action_create")
    assert progress._of(ended).ok is True
    assert progress._of(ended).message == "Completed successfully"
    assert progress._of(running).ok is None


def test_containers_of_all_ages_have_a_state() -> None:
    newest = decode.of_services(decoded("services_list_2016"), "work")
    assert [(each.instance.name, each.instance.status) for each in newest] == [
        ("ubuntu · ubuntu.ambitious-unassuming-otter", Status.LIVE),
        ("nginx · nginx.loyal-good-kangaroo", Status.LIVE),
    ]
    oldest = decode.of_services(decoded("services_list"), "work")
    assert [(each.instance.name, each.instance.status) for each in oldest] == [("web", Status.LIVE)]
    model = decode.of_services([decoded("service_model_v3")], "work")
    assert [each.instance.ref.id for each in model] == ["container-123", "container-124"]


def test_processes_are_children_too() -> None:
    found = decode.of_processes(decoded("processes_list"), "work")
    assert [(each.instance.name, each.instance.status_raw) for each in found] == [
        ("worker", "1 running"),
        ("scheduler", "1 running"),
    ]


def test_the_operation_logs_scale_is_its_own() -> None:
    lines = [line for row in decoded("operation_logs_CONSTRUCTED") for line in operation_lines(row, "107", "uid")]
    assert [(line.text, line.level) for line in lines if isinstance(line, LogLine)] == [
        ("Starting deployment", Level.INFO),
        ("example warning from a child", Level.WARN),
    ]


def test_a_pushed_line_is_unwrapped_from_its_two_strings() -> None:
    message = body("faye_exchange_CONSTRUCTED")[2]["recv"][1]
    (line,) = live_row(message["data"], "107").entries
    assert isinstance(line, LogLine)
    assert (line.text, line.level, line.deployment) == ("example line", Level.INFO, "107")


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        ("401", Unauthorized),
        ("403", Forbidden),
        ("404", NotFound),
        ("409", Refused),
        ("503 rate limit", RateLimited),
        ("503 other", Refused),
    ],
)
async def test_every_error_is_told_by_what_to_do_about_it(which: str, expected: type[Exception]) -> None:
    errors = body("errors_CONSTRUCTED")
    assert len(errors) == 6
    server = Cloud66Server(answers={"GET stacks": JSONResponse(errors[which], int(which[:3]))})
    async with cloud66(server) as provider:
        with pytest.raises(expected) as caught:
            await provider.snapshot()
    assert type(caught.value) is expected


async def test_the_printed_stacks_make_a_picture() -> None:
    server = Cloud66Server()
    rows = [body("stacks_list")["response"][0], body("stack_full_v3"), body("stack_docker_2016")["response"]]
    server.answers = {"GET stacks": {"response": rows}}
    for row in rows:
        server.answers[f"GET stacks/{row['uid']}/deployments"] = body("deployments_list")
    async with cloud66(server) as provider:
        snapshot = await provider.snapshot()
    assert [each.path for each in snapshot.services] == [
        "work/Cloud 66/production/Awesome App",
        "work/Production Team/production/my-production-app",
        "work/Cloud 66/production/pm-stagefirst-drupal",
    ]
    assert "hooks.cloud66.com" not in repr(snapshot)
