"""A hand-over as its readers have it: people in a Markdown viewer, the next person's notes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from msgspec.structs import replace

from tests.entities import NOW, deployment, ref, service
from tests.scripted import FrozenClock, engine_of, scripted
from tui.engine.audit import ActionPhase, AuditEntry, AuditLog, LifeStep
from tui.engine.handover import FAILED, TIMELINE, document
from tui.engine.http_figures import Summary
from tui.engine.notes import Acknowledgement, Notes, kept_text
from tui.engine.shift import Action, Open, Past, Shift, Traffic, past_of, shift
from tui.model.entities import Deployment, Kind, Revision
from tui.model.errors import Unreachable
from tui.model.log import LogKind
from tui.model.status import Status

SINCE = NOW - timedelta(hours=8)
API = "prod/shop/production/api"


def told(document: str) -> list[Token]:
    """As a reader that shows tables and HTML would take it, inline text among it."""
    blocks = MarkdownIt("commonmark", {"html": True}).enable("table").parse(document)
    return [each for block in blocks for each in (block, *(block.children or ()))]


def entry(phase: ActionPhase, at: datetime = NOW, message: str = "", **more: str) -> AuditEntry:
    words = {"user": "ann", "account": "prod", "verb": "rollback", "target": API, "id": "0123", **more}
    return AuditEntry(at=at, phase=phase, message=message, **words)  # type: ignore[arg-type]


def shift_of(**more: object) -> Shift:
    empty = Shift(
        since=SINCE,
        until=NOW,
        written=NOW,
        user="ann",
        host="ops",
        version="1",
        accounts=(("prod", "Railway"),),
        open=(),
        deployments=(),
        actions=(),
        marks=(),
        acknowledgements=(),
        traffic={},
        without_traffic=(),
        unread=(),
    )
    return replace(empty, **more)


def section(text: str, title: str) -> str:
    return text.partition(f"## {title}")[2].partition("\n## ")[0].strip()


def test_a_quiet_shift_says_of_every_part_that_there_was_nothing() -> None:
    text = document(shift_of(), UTC)

    head = "# Hand-over: 2026-08-21 18:14 to 2026-08-22 02:14 (8h00m)\n\n**nothing fails** · 0 deployments, 0 failed"
    assert text.startswith(head)
    assert "everything was read" in text
    assert "times in UTC" in text
    for title in ("Open now", "Pinned lines", "Actions", "Figures", "Timeline, newest first", "Acknowledged"):
        assert section(text, title).startswith(("No", "Nothing")), title
    assert "None" not in section(text, "Open now")


def test_where_something_was_not_read_nothing_is_only_nothing_of_what_was_read() -> None:
    text = document(shift_of(unread=("gitlab (GitLab): it was not read yet.",)), UTC)

    assert "**nothing fails in what was read**" in text
    assert "everything was read" not in text
    assert section(text, "Open now").startswith("Nothing in what was read: no service fails")
    assert section(text, "Figures") == "No deployments, no requests in what was read."
    assert section(text, "Timeline, newest first") == "No deployments in what was read."


async def test_actions_and_marks_that_could_not_be_read_are_not_called_none(tmp_path: Path) -> None:
    for name in ("audit.jsonl", "notes.jsonl"):
        (tmp_path / name).mkdir()
    clock = FrozenClock()
    account, _ = scripted(service("api"), clock=clock)
    notes = Notes(tmp_path / "notes.jsonl", clock, "ann")
    async with engine_of(account, clock=clock, audit=AuditLog(tmp_path / "audit.jsonl"), notes=notes) as engine:
        await engine.snapshot("prod")
        one = await shift(engine, SINCE, NOW, Past(()), told=lambda _: None)
    text = document(one, UTC)

    assert "**actions not known** · **pinned lines not known**" in text
    assert section(text, "Actions") == "Not known: the audit could not be read, or not all of it."
    assert section(text, "Pinned lines") == "Not known: the notes could not be read."


async def test_each_gap_of_an_account_is_listed_as_not_read() -> None:
    clock = FrozenClock()
    whole, _ = scripted(service("api", account="whole"), account="whole", clock=clock)
    partial, platform = scripted(service("api", account="partial"), account="partial", clock=clock)
    platform.unread = (ref(Kind.ENVIRONMENT, "staging", "partial"),)
    old, _ = scripted(service("api", account="old"), account="old", clock=clock)
    async with engine_of(whole, partial, old, clock=clock) as engine:
        await engine.snapshot("old")
        clock.advance(300)
        await engine.snapshot("whole")
        await engine.snapshot("partial")
        one = await shift(engine, SINCE, NOW, Past(()), told=lambda _: None)

    assert [each for each in one.unread if "Scripted" in each] == [
        "partial (Scripted): 1 environment did not answer.",
        "old (Scripted): Its services are as they were 5m00s before.",
    ]


async def test_a_service_in_doubt_is_open_and_unknown() -> None:
    account, _ = scripted(replace(service("api"), doubt="A newer deployment of api could not be read."))
    async with engine_of(account) as engine:
        await engine.snapshot("prod")
        one = await shift(engine, SINCE, NOW, Past(()), told=lambda _: None)

    assert [(each.state, each.path, each.what) for each in one.open] == [
        ("unknown", API, "A newer deployment of api could not be read.")
    ]
    assert "**nothing fails** · **1 unknown** · 0 deployments" in document(one, UTC)


async def test_what_is_open_at_the_end_stands_first_with_its_reason() -> None:
    failed = deployment("d2", Status.FAILED, ago_s=60, note="exit code 1", message="feat: tax")
    account, platform = scripted(
        service("api", latest=failed, live=deployment("d1")),
        service("worker", Status.CRASHED),
        service("web", latest=deployment("d3", Status.NEEDS_APPROVAL, took_s=None), live=deployment("d1")),
        service("mail"),
    )
    async with engine_of(account) as engine:
        await engine.snapshot("prod")
        engine.audit.append(entry(ActionPhase.ASKED, NOW - timedelta(hours=1), target="prod/shop/production/mail"))
        engine.attention.start()
        crashed = next(each for each in engine.attention.alerts() if each.path.endswith("worker"))
        engine.attention.acknowledge(crashed)
        one = await shift(engine, SINCE, NOW, Past(()), told=lambda _: None)

    assert [(each.state, each.path.rpartition("/")[2]) for each in one.open] == [
        ("crashed", "worker"),
        ("rollout failed", "api"),
        ("needs approval", "web"),
        ("action asked", "mail"),
    ]
    assert "**2 failing** · 1 to approve · 1 under way · " in document(one, UTC)
    text = section(document(one, UTC), "Open now")
    assert "exit code 1" in text
    assert "crashed; crashed" not in text
    assert "6431643 still serves" in text
    assert f"seen by `{engine.notes.user}`" in text
    assert platform.performed == []


async def test_the_past_of_all_services_is_merged_and_what_could_not_be_read_is_said() -> None:
    newest = deployment("a2", ago_s=60)
    failed = deployment("w1", Status.FAILED, service="web", ago_s=600)
    account, platform = scripted(service("api", live=newest), service("web", latest=failed))
    platform.history[newest.service] = [newest, deployment("a1", ago_s=9 * 3600)]
    platform.history[failed.service] = [failed]
    lost, other = scripted(account="lost")
    other.error = Unreachable("Scripted does not answer.")
    async with engine_of(account, lost) as engine:
        await engine.snapshot("prod")
        engine.start()
        past = await past_of(engine, SINCE, NOW, within_s=5, told=lambda _: None)
        one = await shift(engine, SINCE, NOW, past, told=lambda _: None)

    assert [(path.rpartition("/")[2], each.id) for path, each in one.deployments] == [("api", "a2"), ("web", "w1")]
    text = document(one, UTC)
    assert "2 deployments, 1 failed" in text
    assert "lost (Scripted)" in section(text, "What could not be read")
    assert "Scripted has no HTTP log" in section(text, "Figures")


def test_an_action_is_one_row_with_its_steps() -> None:
    steps = (
        entry(ActionPhase.ASKED, NOW - timedelta(minutes=9), from_="abc1234", reason="500s | since 02:00"),
        entry(ActionPhase.ACCEPTED, NOW - timedelta(minutes=8), "taken"),
        replace(
            entry(ActionPhase.FINAL, NOW - timedelta(minutes=5), "live for 60 s", status="live", to="d-7"),
            ok=True,
            steps=tuple(
                LifeStep(NOW - timedelta(minutes=minutes), what)
                for minutes, what in ((9, "asked"), (8, "accepted"), (7, "building"))
            ),
        ),
    )
    text = section(document(shift_of(actions=(Action(steps),)), UTC), "Actions")
    assert len(text.splitlines()) == 3
    assert text.splitlines()[-1] == (
        "| 08-22 02:05 | `ann` | `rollback` | `prod/shop/production/api` | `abc1234` → `d-7` | `500s ¦ since 02:00` "
        "| 02:06:07 `accepted`<br>02:07:07 `building`<br>02:09:07 final: `live for 60 s` |"
    )


def test_figures_of_a_month_are_bounded_and_told_by_day() -> None:
    month = NOW - timedelta(days=30)
    many = [
        (
            f"prod/shop/production/s{number % 200}",
            deployment(f"d{number}", Status.FAILED if number % 50 == 7 else Status.LIVE, ago_s=number * 259),
        )
        for number in range(10_000)
    ]
    text = document(shift_of(since=month, deployments=tuple(many), unread=tuple(map(str, range(99)))), UTC)

    timeline = section(text, "Timeline, newest first")
    rows = [line for line in timeline.splitlines() if line.startswith("| 0")]
    assert len(rows) == TIMELINE
    assert sum("✗" in row for row in rows) == FAILED
    assert "9,800 more are in the figures" in timeline
    assert "10,000 deployments, 200 failed" in text
    assert "150 services more" in section(text, "Figures")
    assert "2026-08-21" in section(text, "Figures")
    assert len(text) < 100_000
    assert "49 more" in section(text, "What could not be read")


def test_traffic_is_told_with_the_time_it_was_read_of() -> None:
    summary = Summary(2000, 3.0, 0.042, 0.0, 120.0, 480.0, 900.0, 1)
    traffic = {API: Traffic(summary, NOW - timedelta(minutes=10), NOW, cut=True)}
    text = section(document(shift_of(traffic=traffic), UTC), "Figures")
    assert "| 2,000 | 4.2% | 120 ms | 480 ms | 900 ms | 08-22 02:04 to 08-22 02:14, there were more |" in text


def test_secrets_are_masked_wherever_they_stand() -> None:
    notes = Notes(None, FrozenClock(), "ann")
    secret = "ghp_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hJ6"
    notes.add_mark(API, "", LogKind.RUNTIME, NOW, f"login with {secret}", f"it is {secret}")
    leaking = deployment("d1", Status.FAILED, message=f"use {secret}", note="password=hunter2")
    text = document(
        shift_of(
            open=(Open("failed", API, NOW, "Authorization: Bearer hunter2hunter2", bad=True),),
            deployments=((API, leaking),),
            actions=(Action((entry(ActionPhase.ASKED, reason=secret), entry(ActionPhase.REFUSED, message=secret))),),
            marks=notes.marks(),
            unread=(f"https://ann:hunter2@git is not there: {secret}",),
        ),
        UTC,
    )
    assert secret not in text
    assert "hunter2" not in text
    assert text.count("GitHub token") >= 6


HOSTILE = st.one_of(
    st.text(max_size=60),
    st.lists(
        st.sampled_from(
            (
                *("```", "`", "``", "|", "\\|", "\n", "\n\n# x\n", "\r", "<script>", "<!--", "](http://x)", "![x]("),
                *("**", "~~~", "deckwatch-notes", "\x1b]0;x\x07", "&#124;", "\\", " ", "@all", "\u202e", "é", "- "),
            )
        ),
        max_size=10,
    ).map("".join),
)


@given(st.lists(HOSTILE, min_size=6, max_size=6))
def test_hostile_text_stays_text_and_the_notes_come_through(words: list[str]) -> None:
    a, b, c, d, e, f = words
    notes = Notes(None, FrozenClock(), f"x{a}")
    notes.add_mark(f"prod/{b}", c, LogKind.RUNTIME, NOW, f"x{d}", e)
    notes.acknowledge(f"x{f}", a)
    one = deployment("d1", Status.FAILED, message=a, note=b)
    hostile: Deployment = replace(one, creator=c, revision=Revision(f, e, a, d))
    steps = (entry(ActionPhase.ASKED, reason=a, user=b, target=f"t{c}"), entry(ActionPhase.UNKNOWN, message=d, verb=e))
    text = document(
        shift_of(
            user=a,
            host=b,
            accounts=((c, d),),
            open=(Open("failed", f"p{a}", NOW, b, bad=True, seen=Acknowledgement("k", NOW, f"x{c}")),),
            deployments=((f"p{d}", hostile),),
            actions=(Action(steps),),
            marks=notes.marks(),
            acknowledgements=notes.acknowledgements(),
            without_traffic=(e,),
            unread=(f"x{f}",),
        ),
        UTC,
    )

    tokens = told(text)
    assert sum(token.type == "fence" for token in tokens) == 1
    kinds = {token.type for token in tokens}
    assert not kinds & {"html_block", "image", "link_open", "code_block", "blockquote_open", "em_open"}
    assert {token.content for token in tokens if token.type == "html_inline"} <= {"<br>"}
    assert sum(token.type == "heading_open" for token in tokens) == 9
    assert sum(token.type == "table_open" for token in tokens) == 4
    assert "\x1b" not in text
    widths = {
        len(line.split(" | ")) for line in section(text, "Timeline, newest first").splitlines() if " --- " not in line
    }
    assert widths == {7}

    mine = Notes(None, FrozenClock(), "me")
    mine.load(text)
    assert mine.marks() == notes.marks()
    assert mine.acknowledgements() == notes.acknowledgements()
    assert all(kept_text(mark.text) == mark.text for mark in mine.marks())
