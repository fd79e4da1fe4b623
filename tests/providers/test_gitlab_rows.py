"""GitLab's rows with any value in any field: nothing raises, no row with an id is lost, the others are described."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.shared import CASES, needs_cases
from tui.model.clock import SystemClock
from tui.model.entities import Deployment, Kind, Ref
from tui.model.status import Status
from tui.providers.gitlab import board, decode, pages, timeline
from tui.providers.gitlab.decode import Place
from tui.providers.gitlab.deployments import Newest
from tui.providers.gitlab.pages import Listing, Odd
from tui.providers.gitlab.watched import Watched
from tui.providers.gitlab.wire import (
    ApprovalRow,
    CommitRow,
    DeploymentRow,
    EnvironmentRow,
    JobRow,
    MergeRequestRow,
    NamespaceRow,
    PipelineRow,
    PlaceRow,
    ProjectRow,
    RuleRow,
    SummaryRow,
    TokenRow,
    UserRow,
    VersionRow,
)

T = TypeVar("T")
SERVICE = Ref("work", Kind.SERVICE, "7:9")
PLACE = Place(SERVICE, "https://gitlab.example.com/acme/api", live=42)
NOW = datetime(2026, 3, 14, 3, tzinfo=UTC)

HOSTILE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text()
    | st.sampled_from(
        ["", "success", "blocked", "0001-01-01T00:00:00Z", "2026-03-01T11:00:00Z", "http://[", "\x1b[2J"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def hostile(kind: type[msgspec.Struct], **more: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An object with some of the fields of `kind`, each with any value, or with what `more` has for it."""
    return st.fixed_dictionaries({}, optional=dict.fromkeys(kind.__struct_fields__, HOSTILE) | more)


USER = hostile(UserRow)
PIPELINE = hostile(PipelineRow, id=st.integers(1) | HOSTILE, user=USER | HOSTILE)
JOB = hostile(
    JobRow,
    id=st.integers(1) | HOSTILE,
    user=USER | HOSTILE,
    pipeline=PIPELINE | HOSTILE,
    commit=hostile(CommitRow) | HOSTILE,
)
APPROVALS = st.lists(hostile(ApprovalRow, user=USER | HOSTILE) | HOSTILE, max_size=3) | HOSTILE
RULES = st.lists(hostile(RuleRow, deployment_approvals=APPROVALS) | HOSTILE, max_size=2) | HOSTILE
DEPLOYMENT = hostile(
    DeploymentRow,
    user=USER | HOSTILE,
    environment=hostile(PlaceRow) | HOSTILE,
    deployable=JOB | HOSTILE,
    approvals=APPROVALS,
    approval_summary=hostile(SummaryRow, rules=RULES) | HOSTILE,
)
ENVIRONMENT = hostile(EnvironmentRow, last_deployment=DEPLOYMENT | HOSTILE)
PROJECT = hostile(ProjectRow, namespace=hostile(NamespaceRow) | HOSTILE)
MERGE_REQUEST = hostile(MergeRequestRow, author=USER | HOSTILE)


def decoded(row: object, kind: type[T]) -> T | Odd:
    """What a list that holds this row gives for it."""
    [found] = pages.decode([msgspec.Raw(json.dumps(row).encode())], kind)
    return found


def shown_deployment(row: DeploymentRow) -> None:
    for whole in (True, False):
        for state in ("available", "stopped"):
            shown = decode.deployment(row, msgspec.structs.replace(PLACE, state=state), whole=whole)
            assert shown.id == str(row.id)
            assert repr(shown).isprintable()
            took = shown.duration_s(NOW)
            assert took is None or took >= 0
    decode.best([row])


def shown_environment(row: EnvironmentRow) -> None:
    watched = Watched(ProjectRow(7, "acme/api"), environments_at=0.0, seen_at=NOW)
    watched.put_environments(Listing([row]))
    watched.put_newest(Newest([]), 0.0)
    watched.put_environment(row, 0.0)
    watched.put_last(row)
    snapshot = board.snapshot("work", [watched], (), SystemClock(), lambda ref: Place(ref, None))
    [service] = snapshot.services
    assert service.environment_name
    assert repr(snapshot).isprintable()


def shown_project(row: ProjectRow) -> None:
    assert all(decode.names(row))
    decode.rollback_allowed(row)
    watched = Watched(row, environments_at=0.0, seen_at=NOW)
    snapshot = board.snapshot("work", [watched], (), SystemClock(), lambda ref: Place(ref, None))
    assert len(snapshot.projects) == 1


def shown_job(row: JobRow) -> None:
    assert len(decode.steps([row])) == 1


def shown_merge_request(row: MergeRequestRow) -> None:
    assert timeline.merge_request(row).id == f"!{row.iid}"


def survives(row: dict[str, Any], kind: type[Any], show: Callable[[Any], None], id_: str = "id") -> None:
    found = decoded(row, kind)
    is_number = isinstance(row.get(id_), int) and not isinstance(row[id_], bool)
    if is_number:
        assert isinstance(found, kind)
        assert getattr(found, id_) == row[id_]
    if isinstance(found, Odd):
        assert found.words
        assert found.words.isprintable()
    else:
        show(found)


@given(DEPLOYMENT | hostile(DeploymentRow, id=st.integers(1, 2**53)))
def test_a_deployment_with_any_value_in_any_field(row: dict[str, Any]) -> None:
    survives(row, DeploymentRow, shown_deployment)


@given(ENVIRONMENT | hostile(EnvironmentRow, id=st.integers(1, 2**53)))
def test_an_environment_with_any_value_in_any_field(row: dict[str, Any]) -> None:
    survives(row, EnvironmentRow, shown_environment)


@given(PROJECT | hostile(ProjectRow, id=st.integers(1, 2**53)))
def test_a_project_with_any_value_in_any_field(row: dict[str, Any]) -> None:
    survives(row, ProjectRow, shown_project)


@given(JOB)
def test_a_job_with_any_value_in_any_field(row: dict[str, Any]) -> None:
    survives(row, JobRow, shown_job)


@given(MERGE_REQUEST | hostile(MergeRequestRow, iid=st.integers(1, 2**53)))
def test_a_merge_request_with_any_value_in_any_field(row: dict[str, Any]) -> None:
    survives(row, MergeRequestRow, shown_merge_request, "iid")


@given(PIPELINE)
def test_a_pipeline_with_any_value_in_any_field(row: dict[str, Any]) -> None:
    survives(row, PipelineRow, lambda found: None)


@given(hostile(TokenRow) | USER | hostile(VersionRow))
def test_what_a_token_is_told_never_fails(row: dict[str, Any]) -> None:
    for kind in (TokenRow, UserRow, VersionRow):
        assert isinstance(decoded(row, kind), kind)


@given(st.lists(DEPLOYMENT | HOSTILE, max_size=6))
def test_every_row_of_a_list_is_shown_or_counted(rows: list[Any]) -> None:
    found = pages.decode([msgspec.Raw(json.dumps(each).encode()) for each in rows], DeploymentRow)
    assert len(found) == len(rows)
    watched = Watched(ProjectRow(7, "acme/api"))
    watched.put_environment(EnvironmentRow(9, "production"), 0.0)
    watched.asked.add(9)
    watched.put_newest(Newest(found), 0.0)
    unread = [each for each in found if isinstance(each, Odd) or not says_environment(each)]
    assert bool(watched.problems()) == bool(unread)
    if unread:
        assert watched.doubt(9) or watched.live(9) is not None
    watched.put_changes(found, whole=True)
    watched.prune()


def says_environment(row: DeploymentRow) -> bool:
    return row.environment is not None and (row.environment.id is not None or bool(row.environment.name))


# -- single cases ---------------------------------------------------------------------------------------------


@needs_cases
@pytest.mark.parametrize("name", ["G26", "G28", "G29", "G150", "G151", "G153"])
def test_every_row_of_a_foreign_answer_is_read(name: str) -> None:
    [path] = (CASES / "answers").glob(f"{name}-*.json")
    kinds: dict[str, type[Any]] = {"G28": EnvironmentRow, "G151": ProjectRow}
    kind = kinds.get(name, DeploymentRow)
    found = pages.decode(msgspec.json.decode(path.read_bytes(), type=list[msgspec.Raw]), kind)
    assert found
    assert not [each for each in found if isinstance(each, Odd)]


def shown(**fields: object) -> Deployment:
    row = {"id": 43, "status": "failed", "sha": "a" * 40, "environment": {"id": 9, "name": "production"}, **fields}
    found = decoded(row, DeploymentRow)
    assert isinstance(found, DeploymentRow)
    return decode.deployment(found, PLACE, whole=False)


def test_a_pipeline_whose_id_is_text_costs_only_the_pipeline() -> None:
    one = shown(deployable={"id": 643, "status": "failed", "pipeline": {"id": "gid://gitlab/Ci::Pipeline/34"}})
    assert (one.id, one.status, one.trigger) == ("43", Status.FAILED, None)


def test_a_user_that_is_a_list_and_a_job_without_status_cost_nothing_else() -> None:
    one = shown(user=[], deployable={"id": 643, "status": None})
    assert (one.status, one.creator, one.note) == (Status.FAILED, None, "")


def test_a_namespace_whose_path_is_a_number_leaves_the_projects_own_path() -> None:
    row = decoded(
        {"id": 7, "path": "shop", "path_with_namespace": "acme/shop", "namespace": {"full_path": 5}}, ProjectRow
    )
    assert isinstance(row, ProjectRow)
    assert decode.names(row) == ("acme", "shop")


@pytest.mark.parametrize("status", ["canceled", "skipped", "failed"])
def test_what_ended_before_it_started_took_no_time(status: str) -> None:
    job = {"id": 642, "status": status, "started_at": None, "finished_at": "2026-11-30T10:00:00Z"}
    one = shown(status=status, created_at="2026-11-27T10:00:00Z", deployable=job)
    assert one.finished_at == datetime(2026, 11, 30, 10, tzinfo=UTC)
    assert one.duration_s(NOW) is None


def test_what_waits_counts_from_its_creation_and_so_does_what_no_job_made() -> None:
    waiting = shown(status="created", created_at="2026-03-14T02:59:00Z", deployable={"id": 642, "status": "pending"})
    assert waiting.duration_s(NOW) == 60
    at = "2026-03-14T02:58:00Z"
    external = shown(status="success", created_at="2026-03-14T02:57:00Z", updated_at=at, deployable=None)
    assert external.duration_s(NOW) == 60
