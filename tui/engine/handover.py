"""A shift as one Markdown document: for people first, and its notes for the next person's deckwatch.

Short first: what is open, then what was pinned and done, then every deployment and figure. Whatever a platform or a
person wrote stands in code spans, masked; every list is bounded, and says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, tzinfo

from tui.engine.audit import ActionPhase
from tui.engine.http_figures import percent
from tui.engine.notes import FENCE, kept_text, lines
from tui.engine.shift import NEEDS_APPROVAL, UNKNOWN, Action, Shift, Tally, Traffic, began, tally
from tui.model.entities import Deployment
from tui.model.markdown import NOTHING, cell, code, table
from tui.model.words import duration, plural

OPEN, MARKS, ACTIONS, TIMELINE, FIGURES, UNREAD = 100, 200, 100, 200, 50, 50  # rows
STEPS = 12  # of an action
FAILED = 120  # of the timeline's rows, at most; the rest are the newest
BY_DAY = timedelta(hours=48)  # a longer span has a table by day
_DAYS = 92

_PATH, _NAME, _TEXT, _LINE = 120, 40, 100, 300  # characters


def document(shift: Shift, zone: tzinfo | None = None) -> str:
    """`zone`: of the times in it, None for the machine's own."""
    return "\n".join([*_Writer(shift, zone).whole(), ""])


class _Writer:
    def __init__(self, shift: Shift, zone: tzinfo | None) -> None:
        self.shift = shift
        self.zone = zone
        self._within_a_day = self._local(shift.since).date() == self._local(shift.until).date()

    def whole(self) -> Iterable[str]:
        yield from self._head()
        for title, body in (
            ("Open now", self._open()),
            ("Pinned lines", self._marks()),
            ("Actions", self._actions()),
            ("Figures", self._figures()),
            ("Timeline, newest first", self._timeline()),
            ("Acknowledged", self._acknowledged()),
            ("What could not be read", self._unread()),
            ("For the next person's deckwatch", self._notes()),
        ):
            yield from ("", f"## {title}", "", *body)

    # Times

    def _local(self, at: datetime) -> datetime:
        return at.astimezone(self.zone)

    def _time(self, at: datetime | None) -> str:
        if at is None:
            return NOTHING
        local = self._local(at)
        same_day = self._within_a_day and local.date() == self._local(self.shift.until).date()
        return f"{local:%H:%M:%S}" if same_day else f"{local:%m-%d %H:%M}"

    def _moment(self, at: datetime) -> str:
        """To the second, with its day where that is not the last one."""
        local = self._local(at)
        is_last_day = local.date() == self._local(self.shift.until).date()
        return f"{local:%H:%M:%S}" if is_last_day else f"{local:%m-%d %H:%M:%S}"

    def _since(self, at: datetime | None) -> str:
        return NOTHING if at is None else f"{self._time(at)} ({span((self.shift.written - at).total_seconds())})"

    @property
    def _in_what_was_read(self) -> str:
        """Behind a word that calls something absent, where not all could be read."""
        return " in what was read" if self.shift.unread else ""

    # Sections

    def _head(self) -> Iterable[str]:
        shift = self.shift
        begin, end, written = map(self._local, (shift.since, shift.until, shift.written))
        long = span((shift.until - shift.since).total_seconds())
        to = f"{end:%H:%M}" if self._within_a_day else f"{end:%Y-%m-%d %H:%M}"
        yield f"# Hand-over: {begin:%Y-%m-%d %H:%M} to {to} ({long})"
        failing = sum(each.bad for each in shift.open)
        waiting = sum(each.state == NEEDS_APPROVAL for each in shift.open)
        unknown = sum(each.state == UNKNOWN for each in shift.open)
        counts = [
            f"**{failing} failing**" if failing else f"**nothing fails{self._in_what_was_read}**",
            *([f"**{unknown} unknown**"] if unknown else []),
            *([f"{waiting} to approve"] if waiting else []),
            *([f"{left} under way"] if (left := len(shift.open) - failing - waiting - unknown) else []),
            f"{plural(len(shift.deployments), 'deployment')}, {shift.failed:,} failed",
            _counted(len(shift.actions), "action", lacks=shift.lacks_actions),
            _counted(len(shift.marks), "pinned line", lacks=shift.lacks_marks),
            f"**{len(shift.unread)} not read**" if shift.unread else "everything was read",
        ]
        yield from ("", " · ".join(counts), "")
        by = code(kept_text(f"{shift.user}@{shift.host}", 2 * _NAME))
        accounts = ", ".join(f"{_code(name, _NAME)} ({_code(title, _NAME)})" for name, title in shift.accounts)
        yield f"Written {written:%Y-%m-%d %H:%M:%S} by {by}, times in {_zone(written)}. deckwatch {shift.version}.  "
        yield f"Accounts: {accounts or 'none'}."

    def _open(self) -> Iterable[str]:
        shift = self.shift
        if not shift.open:
            yield (
                f"Nothing{self._in_what_was_read}: no service fails, nothing waits for approval or is under way, "
                "no action is unfinished."
            )
            return
        rows = [
            (
                f"**{cell(each.state)}**" if each.bad else cell(each.state),
                _cell(each.path, _PATH),
                self._since(each.since),
                _cell(each.what, _LINE) + (f" (seen by {_cell(each.seen.user, _NAME)})" if each.seen else ""),
            )
            for each in shift.open[:OPEN]
        ]
        yield from table(("state", "service", "since", "what"), rows)
        yield from _more(len(shift.open) - OPEN, "deckwatch services")

    def _marks(self) -> Iterable[str]:
        """The last ones."""
        marks = self.shift.marks[-MARKS:]
        if not marks:
            none = "None: `m` on a log line pins it, `M` with a note."
            yield "Not known: the notes could not be read." if self.shift.lacks_marks else none
        yield from _more(len(self.shift.marks) - len(marks), "the notes below")
        for mark in marks:
            note = f"**{_code(mark.note, _LINE)}** " if mark.note else ""
            where = f"{_code(mark.service, _PATH)} {mark.kind}"
            yield f"- {self._time(mark.at)} {where}: {note}by {_code(mark.user, _NAME)}  "
            yield f"  {_code(mark.text, _LINE)}"

    def _actions(self) -> Iterable[str]:
        shift = self.shift
        if not shift.actions:
            none = "None was asked for from here."
            yield "Not known: the audit could not be read, or not all of it." if shift.lacks_actions else none
            return
        rows = [
            (
                self._time(action.asked.at),
                _cell(action.asked.user, _NAME),
                _cell(action.asked.verb, _NAME),
                _cell(action.asked.target, _PATH),
                _from_to(action),
                _cell(action.asked.reason, _TEXT),
                self._steps(action),
            )
            for action in shift.actions[:ACTIONS]
        ]
        yield from table(("asked", "by", "verb", "service", "from → to", "why", "what became of it"), rows)
        yield from _more(len(shift.actions) - ACTIONS, "deckwatch audit")

    def _steps(self, action: Action) -> str:
        """Its life, where the audit has it; else its phases. Of a long one the end."""
        last = action.last
        told = [(each.at, str(each.phase)) for each in action.steps[1:-1]]
        life = [(step.at, step.what) for step in last.steps[1:]] or told
        rows = [f"{self._moment(at)} {_cell(what, _TEXT)}" for at, what in life[-STEPS:]]
        words = last.message or last.status or ""
        if len(action.steps) > 1 and not (last.ok and life and words in life[-1][1]):
            good = last.phase is ActionPhase.ACCEPTED or (last.phase is ActionPhase.FINAL and last.ok is not False)
            end = str(last.phase) if good else f"**{last.phase}**"
            rows.append(f"{self._moment(last.at)} {end}" + (f": {_cell(words, _TEXT)}" if words else ""))
        return "<br>".join(rows) or "**nothing is known**"

    def _figures(self) -> Iterable[str]:
        shift = self.shift
        by_service = shift.by_service()
        if not by_service:
            yield f"No deployments, no requests{self._in_what_was_read}."
            return
        header = ("service", "deployments", "failed", "median", "requests", "5xx", "p50", "p95", "p99", "over")
        rows = [self._figure(path, one, shift.traffic.get(path)) for path, one in list(by_service.items())[:FIGURES]]
        yield from table(header, rows)
        rest = list(by_service.items())[FIGURES:]
        if rest:
            made, failed = sum(one.deployments for _, one in rest), sum(one.failed for _, one in rest)
            yield ""
            yield f"And {plural(len(rest), 'service')} more: {plural(made, 'deployment')}, {failed:,} failed."
        if shift.without_traffic:
            yield from ("", " ".join(_code(sentence, _LINE) for sentence in shift.without_traffic))
        if shift.until - shift.since > BY_DAY:
            yield ""
            yield from table(("day", "deployments", "failed", "median"), self._by_day())

    def _figure(self, path: str, one: Tally, traffic: Traffic | None) -> tuple[str, ...]:
        failed = f"**{one.failed:,}**" if one.failed else "0"
        known = (_cell(path, _PATH), f"{one.deployments:,}", failed, span(one.median_s))
        if traffic is None:
            return (*known, *[NOTHING] * 6)
        summary = traffic.summary
        times = (NOTHING if each is None else f"{each:.0f} ms" for each in (summary.p50, summary.p95, summary.p99))
        more = ", there were more" if traffic.cut else ""
        read = f"{self._time(traffic.since)} to {self._time(traffic.until)}{more}"
        return (*known, f"{summary.requests:,}", percent(summary.error_share), *times, read)

    def _by_day(self) -> Iterable[Sequence[str]]:
        days: dict[str, list[Deployment]] = {}
        for _, deployment in self.shift.deployments:
            if (at := began(deployment)) is not None:
                days.setdefault(f"{self._local(at):%Y-%m-%d %a}", []).append(deployment)
        for day, deployments in list(days.items())[:_DAYS]:
            one = tally(deployments, self.shift.written)
            yield day, f"{one.deployments:,}", f"**{one.failed:,}**" if one.failed else "0", span(one.median_s)

    def _timeline(self) -> Iterable[str]:
        """All, where they are not too many; else those that failed and the newest."""
        deployments = self.shift.deployments
        if not deployments:
            yield f"No deployments{self._in_what_was_read}."
            return
        shown = set(range(len(deployments)))
        if len(deployments) > TIMELINE:
            failed = [number for number, (_, each) in enumerate(deployments) if each.status.bad][:FAILED]
            shown = set(failed)
            for number in range(len(deployments)):
                if len(shown) == TIMELINE:
                    break
                shown.add(number)
        rows = [self._row(*deployments[number]) for number in sorted(shown)]
        yield from table(("made", "state", "service", "revision", "author", "what", "took"), rows)
        if (left := len(deployments) - len(rows)) > 0:
            yield ""
            yield f"Those that failed and the newest; {left:,} more are in the figures, and in `deckwatch deployments`."

    def _row(self, path: str, deployment: Deployment) -> tuple[str, ...]:
        revision = deployment.revision
        state = str(deployment.status).replace("_", " ")
        what = ((revision.message if revision else "") or deployment.trigger or "").partition("\n")[0]
        if deployment.status.bad and deployment.note:
            what = f"{deployment.note} · {what}" if what else deployment.note
        return (
            self._time(began(deployment)),
            f"**✗ {state}**" if deployment.status.bad else f"{state}, serving" if deployment.is_live else state,
            _cell(path, _PATH),
            _cell(revision.short if revision else "", _NAME),
            _cell((revision.author if revision else "") or deployment.creator or "", _NAME),
            _cell(what, _TEXT),
            span(deployment.duration_s(self.shift.written)) + (" so far" if deployment.status.in_flight else ""),
        )

    def _acknowledged(self) -> Iterable[str]:
        acknowledgements = self.shift.acknowledgements
        if not acknowledgements:
            yield "Nothing."
        for each in acknowledgements[-MARKS:]:
            yield f"- {self._time(each.at)} by {_code(each.user, _NAME)}: {_code(each.what or each.key, _LINE)}"
        yield from _more(len(acknowledgements) - MARKS, "the notes below")

    def _unread(self) -> Iterable[str]:
        if not self.shift.unread:
            yield "Everything was read."
        for sentence in self.shift.unread[:UNREAD]:
            yield f"- {_code(sentence, _LINE)}"
        yield from _more(len(self.shift.unread) - UNREAD, "deckwatch check")

    def _notes(self) -> Iterable[str]:
        yield "`deckwatch handover --load FILE` shows these marks and acknowledgements to whoever loads them."
        yield from ("", f"```{FENCE}", *lines(self.shift.marks, self.shift.acknowledgements), "```")


def _counted(number: int, word: str, *, lacks: bool) -> str:
    """'2 actions'; '2 actions or more' and '**actions not known**' where not all of them were read."""
    if not lacks:
        return plural(number, word)
    return f"{plural(number, word)} or more" if number else f"**{word}s not known**"


def _more(left: int, where: str) -> Iterable[str]:
    if left > 0:
        yield ""
        yield f"{left:,} more: {where}."


def _from_to(action: Action) -> str:
    """`to` is known once there is a new deployment."""
    from_ = next((each.from_ for each in action.steps if each.from_), "")
    to = next((each.to for each in reversed(action.steps) if each.to), "")
    return f"{_cell(from_, _NAME)} → {_cell(to, _NAME)}" if from_ or to else NOTHING


def _code(text: str, longest: int) -> str:
    return code(_cut(text, longest))


def _cell(text: str, longest: int) -> str:
    return cell(_cut(text, longest))


def _cut(text: str, longest: int) -> str:
    kept = kept_text(text)
    return kept if len(kept) <= longest else f"{kept[: longest - 1]}…"


def _zone(at: datetime) -> str:
    offset = f"{at:%z}"
    return "UTC" if offset == "+0000" else f"UTC{offset[:3]}:{offset[3:]}"


def span(seconds: float | None) -> str:
    return NOTHING if seconds is None else duration(max(0.0, seconds))
