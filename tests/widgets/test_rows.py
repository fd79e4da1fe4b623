from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from tests.entities import NOW, deployment, ref, service
from tui.engine.log_records import Rule, searchable
from tui.model.entities import Kind, Ref, Step
from tui.model.log import Level, LogLine
from tui.model.status import Status
from tui.widgets.log_text import Form, Stamps, as_plain, head_and_body, rule_text, stamp
from tui.widgets.service_list import Heading, with_headings
from tui.widgets.timeline import MoreRow, NoteRow, StepRow, with_steps


def test_a_heading_stands_wherever_the_environment_changes() -> None:
    services = [service("api"), service("web"), service("docs", environment="staging")]
    rows = with_headings(services, production={services[0].ref: True}, stale=frozenset(s.ref for s in services[:2]))
    headings = [row for row in rows if isinstance(row, Heading)]
    assert [(h.environment, h.production, h.stale) for h in headings] == [
        ("production", True, True),
        ("staging", False, False),
    ]
    assert [getattr(row, "name", None) for row in rows] == [None, "api", "web", None, "docs"]


def test_steps_stand_below_what_is_under_way_and_the_failed_one_below_what_failed() -> None:
    flying, failed, done = deployment("a", Status.BUILDING), deployment("b", Status.FAILED), deployment("c")
    good = Step("BUILD_IMAGE", Status.LIVE)
    bad = Step("HEALTHCHECK", Status.FAILED, error="no answer")
    steps = {each.ref: (good, bad) for each in (flying, failed, done)}
    rows = with_steps([flying, failed, done], steps, more=True, loading=False)
    assert rows == [flying, StepRow(good, False), StepRow(bad, True), failed, StepRow(bad, True), done, MoreRow(False)]


def test_why_a_deployment_waits_stands_below_it() -> None:
    waiting = deployment("a", Status.QUEUED, note="upstream issues")
    assert with_steps([waiting], {}, more=False, loading=False) == [waiting, NoteRow("upstream issues", False)]


def test_times_are_as_wide_when_they_are_not_known() -> None:
    for stamps in (Stamps.LOCAL, Stamps.UTC, Stamps.SINCE):
        assert len(stamp(None, stamps, NOW)) == len(stamp(NOW, stamps, NOW - timedelta(seconds=42)))


def test_time_since_the_deployment_counts_both_ways() -> None:
    assert stamp(NOW, Stamps.SINCE, NOW - timedelta(seconds=42)).strip() == "T+00:42"
    assert stamp(NOW, Stamps.SINCE, NOW + timedelta(seconds=5)).strip() == "T-00:05"


def test_a_line_says_its_level_without_colour() -> None:
    head, [(text, style)] = head_and_body(LogLine(NOW, "boom", Level.ERROR), Form(Stamps.OFF))
    assert ("E ", "level-error") in head
    assert (text, style) == ("boom", "level-error")


def test_what_is_taken_away_has_the_full_time_and_no_colours() -> None:
    line = LogLine(NOW, "\x1b[31mred\x1b[0m", Level.WARN, deployment=str(ref(Kind.DEPLOYMENT, "d")))
    assert as_plain(line) == "2026-08-22T02:14:07.000Z WARN  red"
    assert searchable(line) == "red"


def test_a_rule_names_revision_author_and_message() -> None:
    text = rule_text(Rule(NOW, deployment("d1", message="feat: [brackets] stay")))
    assert "ada" in text
    assert "feat: [brackets] stay" in text


def test_two_environments_of_one_name_in_one_place_stand_under_one_heading() -> None:
    """GitLab's projects have an environment each, and the group is one place."""
    one, other = service("api"), service("web")
    other = replace(other, environment=Ref("prod", Kind.ENVIRONMENT, "another"))
    rows = with_headings([one, other], production={}, stale=frozenset())
    assert [isinstance(row, Heading) for row in rows] == [True, False, False]
