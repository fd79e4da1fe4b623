from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tui.model.entities import Approval, ApprovalRule, Deployment, Kind, Ref, Revision, compare_url
from tui.model.status import Status

NOW = datetime(2026, 8, 22, 2, 14, 7, tzinfo=UTC)
SERVICE = Ref("prod", Kind.SERVICE, "s")


def test_a_ref_reads_back_whatever_its_id_holds() -> None:
    ref = Ref("prod", Kind.DEPLOYMENT, "group/a:b/ünï")
    assert Ref.parse(str(ref)) == ref


def test_what_is_no_ref_is_refused() -> None:
    with pytest.raises(ValueError, match=r"nothing-known"):
        Ref.parse("prod:nothing-known:x")


@pytest.mark.parametrize(
    ("sha", "short"),
    [("7f3a1c2b9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a", "7f3a1c2"), ("v1.2.3", "v1.2.3"), ("sha256:ab", "sha256:ab")],
)
def test_only_a_commit_is_shortened(sha: str, short: str) -> None:
    assert Revision(sha).short == short


def test_approvals_beyond_what_one_rule_wants_do_not_count_for_another() -> None:
    given = tuple(Approval(by, approved=True) for by in ("ann", "bob", "cy"))
    full, open_ = ApprovalRule("maintainers", 2, given), ApprovalRule("security", 1)
    assert (full.missing, open_.missing) == (0, 1)
    waiting = Deployment(
        Ref("prod", Kind.DEPLOYMENT, "d"), SERVICE, Status.NEEDS_APPROVAL, "blocked", approvals=(full, open_)
    )
    assert waiting.awaits == "waits for 1 more: security"


def test_a_duration_runs_while_in_flight_and_stands_when_settled() -> None:
    begun = NOW - timedelta(seconds=90)
    flying = Deployment(Ref("prod", Kind.DEPLOYMENT, "d"), SERVICE, Status.BUILDING, "BUILDING", created_at=begun)
    assert flying.duration_s(NOW) == 90
    landed = Deployment(
        flying.ref, SERVICE, Status.LIVE, "SUCCESS", created_at=begun, finished_at=begun + timedelta(seconds=30)
    )
    assert landed.duration_s(NOW) == 30


def test_a_duration_that_cannot_be_known_is_not_guessed() -> None:
    ref = Ref("prod", Kind.DEPLOYMENT, "d")
    assert Deployment(ref, SERVICE, Status.LIVE, "SUCCESS", created_at=NOW).duration_s(NOW) is None
    assert Deployment(ref, SERVICE, Status.BUILDING, "BUILDING").duration_s(NOW) is None


@pytest.mark.parametrize(
    ("before", "now", "page"),
    [
        (
            "https://github.com/a/b/commit/111",
            "https://github.com/a/b/commit/222",
            "https://github.com/a/b/compare/111...222",
        ),
        ("https://g.x/a/b/-/commit/111", "https://g.x/a/b/-/commit/222", "https://g.x/a/b/-/compare/111...222"),
        ("https://g.x/a/b/-/commit/111", "https://g.x/a/c/-/commit/222", None),
        ("https://g.x/a/b/-/commit/111", "https://g.x/a/b/-/commit/111", None),
        ("https://g.x/a/b", "https://g.x/a/b", None),
        (None, "https://g.x/a/b/-/commit/222", None),
    ],
)
def test_two_commits_of_one_repository_can_be_compared(before: str | None, now: str, page: str | None) -> None:
    assert compare_url(Revision("111", url=before), Revision("222", url=now)) == page
