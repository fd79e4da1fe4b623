"""The heads of a project: which of its environments have their newest deployment known, and why the others have not.

The newest page of a project reaches only the environments that were deployed to lately. The others are asked for by
name, and a row that could not be read leaves every environment in doubt whose newest deployment it may be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec import Struct

from tui.providers import values
from tui.providers.gitlab import decode
from tui.providers.gitlab.pages import Odd
from tui.providers.gitlab.wire import DeploymentRow, PlaceRow

Words = dict[int, str]
"""What is odd about a row, by the row's key."""

NOT_READ = "Its newest deployment has not been read yet."
AGAIN_S = 300.0  # an environment whose newest row could not be read
REFRESH_S = 3600.0  # one off the newest page: nothing else shows that its newest row was deleted
_MET = 1000
_APART_S = 20.0  # between two refreshes of one project's environments


class Survey(Struct):
    """What a newest-first list shows of each environment.

    `suspects` are rows above an environment's newest success that could not be read or placed: one of them may be
    the deployment that is newest or live. `strays` are those of them that say no environment.
    """

    reached: set[int]
    suspects: dict[int, Words]
    strays: Words
    placed: dict[int, Words]

    def suspects_of(self, environment: int) -> Words:
        if environment in self.suspects:
            return self.suspects[environment]
        return {**self.strays, **self.placed.get(environment, {})}


def survey(found: Sequence[DeploymentRow | Odd], environment_of: Callable[[PlaceRow | None], int | None]) -> Survey:
    """Go through a newest-first list, whose rows that name no environment are among the odd ones."""
    result = Survey(set(), {}, {}, {})
    closed: set[int] = set()
    for row in found:
        place = environment_of(place_of(row))
        if isinstance(row, Odd):
            words = result.strays if place is None else result.placed.setdefault(place, {})
            words[row.key] = row.words
        elif place is not None and place not in closed:
            result.reached.add(place)
            if decode.word(row) == "success":
                result.suspects[place] = result.suspects_of(place)
                closed.add(place)
    return result


@dataclass(slots=True)
class Head:
    """One environment's newest deployment. Times are of the monotonic clock; `known_at` None: it is not known."""

    known_at: float | None = None
    ask_at: float = 0.0
    suspects: str = ""  # what may be newer and could not be read
    error: str = ""  # why it could not be asked for
    off_page: bool = True  # the project's newest page does not reach it
    cleared: frozenset[int] = frozenset()  # strays that are not among its own rows


_UNKNOWN = Head()


@dataclass(slots=True)
class Heads:
    """Asks for as little as it can: what the newest page reaches or has been asked for stays known, since every new
    deployment is among the project's changes.
    """

    _heads: dict[int, Head] = field(default_factory=dict)
    _strays: Words = field(default_factory=dict)
    _met: set[int] = field(default_factory=set)

    def doubt(self, environment: int) -> str:
        """Say why its newest deployment may be another one; "" where it is known."""
        head = self._heads.get(environment, _UNKNOWN)
        return "" if head.known_at is not None else head.suspects or f"{NOT_READ} {head.error}".rstrip()

    def unknown(self, environments: Iterable[int]) -> list[Head]:
        """Return those that have not been read yet."""
        found = (self._heads.get(each, _UNKNOWN) for each in environments)
        return [head for head in found if head.known_at is None and not head.suspects]

    def saw_project(self, seen: Survey, environments: Iterable[int], now: float, *, complete: bool) -> None:
        """Take in the newest rows of the whole project. `complete`: there are no others."""
        self._strays = seen.strays
        for each in environments:
            head = self._heads.setdefault(each, Head())
            head.off_page = not complete and each not in seen.reached
            suspects = {key: words for key, words in seen.suspects_of(each).items() if key not in head.cleared}
            if suspects:
                _suspect(head, suspects, ask_at=now)
            elif not head.off_page:
                _known(head, now)

    def saw_environment(self, environment: int, seen: Survey, now: float) -> None:
        """Take in the answer to a question for one environment, whose rows are the newest that it has."""
        head = self._heads.setdefault(environment, Head())
        suspects = seen.suspects_of(environment)
        head.cleared = frozenset(self._strays.keys() - suspects.keys())
        if suspects:
            _suspect(head, suspects, ask_at=now + AGAIN_S)
        else:
            _known(head, now)

    def failed(self, environment: int, error: str, ask_at: float) -> None:
        """Note that it could not be asked for. What was known of it stays so."""
        head = self._heads.setdefault(environment, Head())
        head.ask_at = ask_at
        head.error = error

    def meet(self, odd: Sequence[Odd]) -> list[Odd]:
        """Note rows that could not be read, and return the new ones: a window shows the same ones again and again."""
        news = [each for each in odd if each.key not in self._met and each.key not in self._strays]
        if len(self._met) > _MET:
            self._met.clear()
        self._met.update(each.key for each in odd)
        return news

    def lose(self, environments: Iterable[int]) -> None:
        """Ask for these again: something newer may have been missed."""
        for each in environments:
            head = self._heads.setdefault(each, Head())
            head.known_at, head.ask_at, head.suspects, head.error = None, 0.0, "", ""

    def forget(self, environment: int) -> None:
        self._heads.pop(environment, None)

    def due(self, environments: Iterable[int], now: float) -> list[int]:
        """Return those to be asked for by name: the unknown ones in the given order, then what is to be refreshed."""
        unknown: list[int] = []
        old: list[tuple[float, int]] = []
        off_page = sum(head.off_page for head in self._heads.values())
        for each in environments:
            head = self._heads.get(each, _UNKNOWN)
            if now < head.ask_at:
                continue
            if head.known_at is None:
                unknown.append(each)
            elif head.off_page and now - head.known_at >= max(REFRESH_S, _APART_S * off_page):
                old.append((head.known_at, each))
        return unknown + [each for _, each in sorted(old)]


def _suspect(head: Head, suspects: Mapping[int, str], *, ask_at: float) -> None:
    head.known_at = None
    head.ask_at = ask_at
    number = len(suspects)
    rows = "A deployment" if number == 1 else f"{number} deployments"
    head.suspects = f"{rows} that may be its newest could not be read: {next(iter(suspects.values()))}."


def _known(head: Head, now: float) -> None:
    head.known_at, head.suspects, head.error = now, "", ""


def place_of(row: DeploymentRow | Odd) -> PlaceRow | None:
    """Return the environment that a row names, which may be readable where the row itself is not."""
    if isinstance(row, DeploymentRow):
        return row.environment
    found, _ = values.rows([row.raw], _Placed)
    return found[0].environment if found else None


class _Placed(Struct):
    environment: PlaceRow | None = None
