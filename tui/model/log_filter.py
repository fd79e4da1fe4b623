"""The filter language: one line of terms, all of which must hold.

    level>=warn status:5xx path:/checkout -healthz "exact words" /time.?out/ since:10m

    words        found in the line; lower-case words ignore case (`text_match`). Quotes keep blanks and signs together
    /re/         a regular expression, found in the line
    field:value  what a field is like: a part of it, its beginning or all of it, as HELP says for each; * stands for
                 anything
    field=value  exactly that
    field>=500   numbers, durations and levels compare with > >= < <= and a..b
    @key:value   an attribute of a structured line; `key:value` is that too, or `key=value` in a line's text
    -term        the opposite of the term

HELP has a row for each field. Gaps always hold: nobody filters away that lines are missing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from tui.model.entities import Service
from tui.model.log import LEVEL_NAMES, HttpRequest, Level, LogEntry, LogGap, LogLine, searchable
from tui.model.moment import microseconds, moment
from tui.model.text_match import BadExpression, TextMatch, expression, verbatim

HELP: tuple[tuple[str, str], ...] = (
    ("timeout", "words in the line; lower case ignores case"),
    ('"connection reset"', "these words as they stand, with blanks and signs"),
    ("/time.?out|refused/", "a regular expression; this is how to say or"),
    ("-healthz", "not: in front of any term"),
    ("level>=warn", "at least so bad; level:warn is the same, level=warn only that; 5xx is an error, 4xx a warning"),
    ("status>=500", "status:5xx, status:502, status:500..503"),
    ("method:POST", "a request's method"),
    ("path:/checkout", "a path that begins so; path:cart has it anywhere; path:/users/*/orders; path=/cart only that"),
    ("duration>500ms", "us, ms, s or m; a number alone is milliseconds"),
    ("bytes>=10k", "what was sent; k, M"),
    ("ip:10.0.3.", "a client's address, or the beginning of it up to a dot or colon"),
    ("host:shop agent:curl", "a part of them"),
    ("id:R1aF", "a request's id"),
    ("service:web", "a part of the service's name; with a / of its path"),
    ("deployment:7f3a instance:x", "the beginning of their ids"),
    ("@order:17 @latency>=3", "an attribute of a structured line"),
    ("order:17", "that, or order=17 in the text"),
    ("since:10m until:02:40", "how long ago, a time of day, a date and time; lines without a time stay"),
    ("context:2", "and so many lines before and after each"),
)

_MOST_CONTEXT = 1000
_REGEX = re.compile(r"/((?:\\.|[^\\/])+)/(?=\s|$)")
_QUOTED = re.compile(r'"((?:\\.|[^\\"])*)"')
_FIELD = re.compile(r"(@?[A-Za-z_](?:[\w.\-\[\]]*[\w\]])?)(:?(?:>=|<=|!=|>|<|=)|:)")
_BARE = re.compile(r"[\w.](?:[\w./-]*\w)?")
_SIMPLE = re.compile(r"(?!//)[\w./*-][\w./*:@%+-]*")
_AMOUNT = re.compile(r"([-+]?\d+(?:\.\d+)?)(\w*)")
_STATUS_CLASS = re.compile(r"([1-9])xx", re.IGNORECASE)
_DURATIONS = {"us": 0.001, "ms": 1.0, "": 1.0, "s": 1000.0, "m": 60_000.0}
_BYTES = {"": 1.0, "b": 1.0, "k": 1e3, "kb": 1e3, "m": 1e6, "mb": 1e6}
_CONNECTIVES = {
    "AND": "all must hold anyway",
    "OR": "for either of two write /one|other/",
    "NOT": "write a - in front of one",
}

Entry = LogLine | HttpRequest
Test = Callable[[Entry, Service | str], bool]


class FilterError(ValueError):
    """`position` is where the wrong term begins, in characters of what was typed."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


class Term(Struct, frozen=True, eq=False):
    """`field` is "" for words and begins with @ for an attribute; `comparison` is one of : = > >= < <=.

    `low` and `high` are the value as numbers (of 5xx 500 and 599; ms, bytes), None where it is none. `text` is what
    must be found in the line's searchable text wherever the term holds, None where nothing can be said.
    """

    field: str
    comparison: str
    value: str
    negated: bool = False
    low: float | None = None
    high: float | None = None
    text: TextMatch | None = None
    test: Test | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Term) and self._said == other._said

    def __hash__(self) -> int:
        return hash(self._said)

    @property
    def _said(self) -> tuple[str, str, str, bool]:
        return self.field, self.comparison, self.value, self.negated

    def __str__(self) -> str:
        sign = "-" if self.negated else ""
        if self.comparison == "/":
            return f"{sign}/{self.value.replace('/', chr(92) + '/')}/"
        if not self.field:
            return sign + (self.value if _is_bare(self.value) else _quoted(self.value))
        value = self.value if _SIMPLE.fullmatch(self.value) else _quoted(self.value)
        return f"{sign}{self.field}{self.comparison}{value}"

    def holds(self, entry: Entry, service: Service | str = "") -> bool:
        """May raise TooSlow."""
        if self.test is None:
            assert self.text is not None
            return self.text.found(searchable(entry)) is not self.negated
        return self.test(entry, service) is not self.negated


class LogFilter(Struct, frozen=True):
    """Made by `parse`. Equal if its terms are."""

    terms: tuple[Term, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    context: int = 0
    levels: frozenset[Level] = frozenset(Level)

    def __str__(self) -> str:
        return " ".join(map(str, self.terms))

    @property
    def empty(self) -> bool:
        return not self.terms

    @property
    def texts(self) -> tuple[TextMatch, ...]:
        """What words and expressions are looked for: all are found in a line that holds; to be highlighted."""
        return tuple(each.text for each in self.terms if not each.field and not each.negated and each.text)

    @property
    def absent(self) -> tuple[TextMatch, ...]:
        """Words and expressions that a line must not have."""
        return tuple(each.text for each in self.terms if not each.field and each.negated and each.text)

    @property
    def fields(self) -> tuple[Term, ...]:
        """The terms that only the entry itself can answer, not its text, level or time."""
        return tuple(each for each in self.terms if each.test is not None)

    @property
    def least_level(self) -> Level:
        """No entry below it holds."""
        return min(self.levels, default=Level.FATAL)

    @property
    def since_us(self) -> int | None:
        """Microseconds since the epoch."""
        return None if self.since is None else microseconds(self.since)

    @property
    def until_us(self) -> int | None:
        """Inclusive."""
        return None if self.until is None else microseconds(self.until)

    def also(self, text: TextMatch) -> LogFilter:
        """The matches of this filter in which a text is found, without context."""
        term = Term("", ":" if text.plain else "/", text.words, text=text)
        return replace(self, terms=(*self.terms, term), context=0)

    def holds(self, entry: LogEntry, service: Service | str = "") -> bool:
        """Raises TooSlow. `context` is the caller's."""
        if isinstance(entry, LogGap):
            return True
        if entry.level not in self.levels:
            return False
        if entry.at is not None and (
            (self.since is not None and entry.at < self.since) or (self.until is not None and entry.at > self.until)
        ):
            return False
        return all(term.holds(entry, service) for term in self.terms if term.test is not None or not term.field)


def parse(text: str, now: datetime) -> LogFilter:
    """`now` is what `since` and `until` count from. Raises FilterError."""
    terms: list[Term] = []
    since: datetime | None = None
    until: datetime | None = None
    context = 0
    levels = set(Level)
    for at, term in _terms(text):
        try:
            match term.field:
                case "level":
                    wanted = _levels(term)
                    levels &= set(Level) - wanted if term.negated else wanted
                case "since":
                    when = _moment(term, now, "until")
                    since = when if since is None else max(since, when)
                case "until":
                    when = _moment(term, now, "since")
                    until = when if until is None else min(until, when)
                case "context":
                    context = _context(term)
                case "":
                    pass
                case _:
                    term = _compiled(term)
        except ValueError as error:
            raise FilterError(str(error), at) from None
        if term not in terms:
            terms.append(term)
    return LogFilter(tuple(terms), since, until, context, frozenset(levels))


def _terms(text: str) -> Iterable[tuple[int, Term]]:
    """Each with where it begins. Those of a field are not looked into yet."""
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        begin = at
        negated = text[at] == "-" and at + 1 < len(text) and not text[at + 1].isspace()
        at += negated
        try:
            term, at = _term(text, at, negated)
        except BadExpression as error:
            raise FilterError(str(error), begin + negated + 1 + error.at) from None
        except ValueError as error:
            raise FilterError(str(error), begin) from None
        yield begin, term


def _term(text: str, at: int, negated: bool) -> tuple[Term, int]:
    if text[at] == '"':
        value, end = _quotation(text, at)
        return _words(value, negated), end
    if regex := _REGEX.match(text, at):
        source = regex[1].replace(r"\/", "/")
        return Term("", "/", source, negated, text=expression(source)), regex.end()
    if (head := _FIELD.match(text, at)) and (term := _field_term(text, head, negated)):
        return term
    end = _word_end(text, at)
    word = text[at:end]
    if word in _CONNECTIVES:
        raise ValueError(f"{word} joins no terms: {_CONNECTIVES[word]}. To find the word, quote it.")
    return _words(word, negated), end


def _words(value: str, negated: bool) -> Term:
    if not value:
        raise ValueError('Between the quotes stands nothing: "connection reset" would be found.')
    return Term("", ":", value, negated, text=verbatim(value))


def _field_term(text: str, head: re.Match[str], negated: bool) -> tuple[Term, int] | None:
    """None: it only looks like one (std::io, http://host, Vec<u8>), and is a word."""
    name, comparison = "level" if head[1] == "@level" else head[1], head[2]  # as Railway writes it
    known = name in _FIELDS
    at = head.end()
    is_quoted = text[at : at + 1] == '"'
    end = _word_end(text, at)
    value, end = _quotation(text, at) if is_quoted else (text[at:end], end)
    if not known and not name.startswith("@"):
        if not is_quoted and (not value or value.startswith((":", "=", "//"))):
            return None
        if not is_quoted and ("<" in comparison or ">" in comparison) and _numbers(value) is None:
            return None
        from difflib import get_close_matches

        if near := get_close_matches(name, _FIELDS, n=1, cutoff=0.75):
            written = f"{comparison}{value}"
            raise ValueError(
                f"There is no field {name!r}. Write {near[0]}{written}, or @{name}{written} for an attribute."
            )
    if comparison.endswith("!="):
        raise ValueError(f"Write -{name}={value}: a - in front of a term is its opposite.")
    if not value:
        raise ValueError(f"{name}{comparison} needs a value: {_example(name)}")
    comparison = comparison.lstrip(":") or ":"
    if known and comparison not in _FIELDS[name].comparisons:
        raise ValueError(f"{name} does not compare with {comparison}: {_example(name)}")
    return Term(name, comparison, value, negated), end


def _quotation(text: str, at: int) -> tuple[str, int]:
    quoted = _QUOTED.match(text, at)
    if quoted is None:
        raise ValueError('The quotation has no end: a " is missing.')
    return re.sub(r'\\([\\"])', r"\1", quoted[1]), quoted.end()


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _is_bare(value: str) -> bool:
    return _BARE.fullmatch(value) is not None and value not in _CONNECTIVES


def _word_end(text: str, at: int) -> int:
    while at < len(text) and not text[at].isspace():
        at += 1
    return at


def _example(name: str) -> str:
    found = next((example for example, _ in HELP if re.search(rf"(^|\s){re.escape(name)}\b", example)), f"{name}:17")
    return f"{found} would do."


# -- what is not asked of each entry --------------------------------------------------------------------


def _levels(term: Term) -> set[Level]:
    comparison = ">=" if term.comparison == ":" and ".." not in term.value else term.comparison
    low, _, high = term.value.partition("..")
    below, above = _level(low), _level(high or low)
    return {each for each in Level if _compares(float(each), comparison, float(below), float(above))}


def _level(word: str) -> Level:
    found = LEVEL_NAMES.get(word.lower())
    if found is None:
        raise ValueError(f"There is no level {word!r}. There are: {', '.join(each.name.lower() for each in Level)}.")
    return found


def _moment(term: Term, now: datetime, opposite: str) -> datetime:
    if term.negated:
        raise ValueError(f"Write {opposite}:{term.value} for the opposite of {term.field}:{term.value}.")
    return moment(term.value, now)


def _context(term: Term) -> int:
    if term.negated or not term.value.isdecimal() or int(term.value) > _MOST_CONTEXT:
        raise ValueError(f"context takes a number of lines up to {_MOST_CONTEXT}: context:2 would do.")
    return int(term.value)


# -- fields ---------------------------------------------------------------------------------------------


class _Field(Struct, frozen=True):
    """How a field is asked: what makes its term, with which comparisons, and where in an entry it stands."""

    made: Callable[[Term, _Field], Term] | None
    comparisons: tuple[str, ...] = (":", "=")
    of_request: Callable[[HttpRequest], object] = lambda _: None
    of_line: tuple[str, ...] = ()  # attributes that say it, the first there is
    units: dict[str, float] | None = None
    searchable: bool = False  # it stands in the text that is searched

    def value(self, entry: Entry) -> str:
        if isinstance(entry, HttpRequest):
            return str(self.of_request(entry))
        return next((entry.attributes[name] for name in self.of_line if name in entry.attributes), "")


def _compiled(term: Term) -> Term:
    if (known := _FIELDS.get(term.field)) is not None:
        assert known.made is not None
        return known.made(term, known)
    return _attribute(term)


def _with(term: Term, test: Test, text: TextMatch | None, low: float | None = None, high: float | None = None) -> Term:
    hint = None if term.negated else text
    return Term(term.field, term.comparison, term.value, term.negated, low, high, hint, test)


def _numeric(term: Term, known: _Field) -> Term:
    bounds = _numbers(term.value, known.units)
    if bounds is None:
        raise ValueError(f"{term.value!r} is no number that {term.field} has: {_example(term.field)}")
    low, high = bounds
    comparison = term.comparison

    def test(entry: Entry, _: Service | str) -> bool:
        found = _numbers(known.value(entry), known.units)
        return found is not None and _compares(found[0], comparison, low, high)

    return _with(term, test, None, low, high)


def _status(term: Term, known: _Field) -> Term:
    made = _numeric(term, known)
    assert made.low is not None
    assert made.high is not None
    assert made.test is not None
    low, high = made.low, made.high
    digits = "".join(
        str(first)
        for first in range(1, 10)
        if any(_compares(float(code), term.comparison, low, high) for code in range(first * 100, first * 100 + 100))
    )
    longer = r"|\d{4,}|\d{1,2}"  # no status, but a request may say so
    return _with(term, made.test, expression(rf"^(?:[{digits or 0}]\d\d{longer}) |(?i:status)"), low, high)


def _wording(like: Callable[[str], Callable[[str], bool]]) -> Callable[[Term, _Field], Term]:
    """A term of a field of words, where `like` makes of a `:` value how a field's is compared."""

    def made(term: Term, known: _Field) -> Term:
        fits = _fits(term, like)
        return _with(term, lambda entry, _: fits(known.value(entry)), _piece(term.value) if known.searchable else None)

    return made


def _fits(term: Term, like: Callable[[str], Callable[[str], bool]]) -> Callable[[str], bool]:
    value = term.value
    if term.comparison == "=":
        return lambda text: text == value
    if value != value.lower():
        return _glob(value) if "*" in value else like(value)
    fits = _glob(value) if "*" in value else like(value)
    return lambda text: fits(text.lower())


def _piece(value: str) -> TextMatch | None:
    longest = max(value.split("*"), key=len)
    return verbatim(longest) if longest else None


def _anywhere(value: str) -> Callable[[str], bool]:
    return lambda text: value in text


def _beginning(value: str) -> Callable[[str], bool]:
    return lambda text: text.startswith(value)


def _whole(value: str) -> Callable[[str], bool]:
    return lambda text: text == value


def _path(value: str) -> Callable[[str], bool]:
    return _beginning(value) if value.startswith("/") else _anywhere(value)


def _address(value: str) -> Callable[[str], bool]:
    return _beginning(value) if value.endswith((".", ":")) else _whole(value)


def _glob(value: str) -> Callable[[str], bool]:
    """In linear time: each piece as early as it can be."""
    first, *middle, last = value.split("*")

    def fits(text: str) -> bool:
        at, end = len(first), len(text) - len(last)
        if end < at or not text.startswith(first) or not text.endswith(last):
            return False
        for piece in middle:
            found = text.find(piece, at, end)
            if found < 0:
                return False
            at = found + len(piece)
        return True

    return fits


def _method(term: Term, known: _Field) -> Term:
    wanted = term.value.upper()
    return _with(term, lambda entry, _: known.value(entry).upper() == wanted, verbatim(term.value.lower()))


def _service(term: Term, _: _Field) -> Term:
    fits = _fits(term, _anywhere)
    of_path = "/" in term.value

    def test(_: Entry, service: Service | str) -> bool:
        if isinstance(service, Service):
            return fits(service.path if of_path else service.name)
        return fits(service)

    return _with(term, test, None)


def _origin(term: Term, _: _Field) -> Term:
    fits = _fits(term, _beginning)
    if term.field == "instance":
        return _with(term, lambda entry, _: fits(entry.instance), None)
    return _with(term, lambda entry, _: fits(entry.deployment), None)


def _attribute(term: Term) -> Term:
    """`@key` is an attribute alone; `key` is also looked for in the text, as `key=value` or `key="value"`."""
    key = term.field.removeprefix("@")
    in_text = None
    if not term.field.startswith("@"):
        in_text = re.compile(rf'(?<![\w.@-]){re.escape(key)}=("[^"]*"|[^\s,;]+)')
    bounds = _numbers(term.value) if term.comparison != "=" else None
    if term.comparison in (":", "=") and (bounds is None or bounds[0] == bounds[1]):
        fits = _fits(term, _whole)
        bounds = None
    elif bounds is None:
        raise ValueError(f"{term.value!r} is no number: {term.field}{term.comparison}3 would do.")
    else:
        low, high = bounds

        def fits(text: str) -> bool:
            found = _numbers(text)
            return found is not None and _compares(found[0], term.comparison, low, high)

    def test(entry: Entry, _: Service | str) -> bool:
        if isinstance(entry, LogLine) and (value := entry.attributes.get(key)) is not None:
            return fits(value)
        return in_text is not None and any(fits(found.strip('"')) for found in in_text.findall(searchable(entry)))

    text = verbatim(f"{key}=")
    if bounds is None and (begin := re.match(r"[^*\s]+", term.value)):
        text = expression(rf'(?i){re.escape(key)}="?{re.escape(begin[0])}')
    return _with(term, test, text, *(bounds or (None, None)))


def _numbers(text: str, units: dict[str, float] | None = None) -> tuple[float, float] | None:
    """Where a value begins and ends: of `5xx` 500 and 599, of `a..b` a and b. None for what is no number."""
    low, dots, high = text.partition("..")
    if dots:
        begin = _numbers(low, units) if low else (-math.inf, -math.inf)
        end = _numbers(high, units) if high else (math.inf, math.inf)
        return (begin[0], end[1]) if begin and end and (low or high) else None
    if units is None and (status := _STATUS_CLASS.fullmatch(text)):
        return float(status[1]) * 100, float(status[1]) * 100 + 99
    amount = _AMOUNT.fullmatch(text)
    if amount is None or amount[2].lower() not in (units or {"": 1.0}):
        return None
    number = float(amount[1]) * (units or {"": 1.0})[amount[2].lower()]
    return number, number


def _compares(number: float, comparison: str, low: float, high: float) -> bool:
    match comparison:
        case ">":
            return number > high
        case ">=":
            return number >= low
        case "<":
            return number < low
        case "<=":
            return number <= high
        case _:
            return low <= number <= high


_NUMBERS = (":", "=", ">", ">=", "<", "<=")
_FIELDS: dict[str, _Field] = {
    "level": _Field(None, _NUMBERS),
    "since": _Field(None),
    "until": _Field(None),
    "context": _Field(None),
    "service": _Field(_service),
    "deployment": _Field(_origin),
    "instance": _Field(_origin),
    "status": _Field(
        _status,
        _NUMBERS,
        lambda request: request.status,
        ("status", "status_code", "statusCode", "http_status", "httpStatus"),
    ),
    "method": _Field(_method, (":", "="), lambda request: request.method, ("method", "http_method")),
    "path": _Field(
        _wording(_path), (":", "="), lambda request: request.path, ("path", "uri", "url", "route"), searchable=True
    ),
    "duration": _Field(
        _numeric, _NUMBERS, lambda request: request.duration_ms, ("duration_ms", "duration"), units=_DURATIONS
    ),
    "bytes": _Field(_numeric, _NUMBERS, lambda request: request.bytes_sent, ("bytes",), units=_BYTES),
    "ip": _Field(
        _wording(_address),
        (":", "="),
        lambda request: request.client_ip,
        ("ip", "client_ip", "remote_ip", "remote_addr"),
        searchable=True,
    ),
    "host": _Field(_wording(_anywhere), (":", "="), lambda request: request.host, ("host",)),
    "agent": _Field(_wording(_anywhere), (":", "="), lambda request: request.user_agent, ("user_agent", "agent")),
    "id": _Field(_wording(_whole), (":", "="), lambda request: request.id, ("id", "request_id", "requestId")),
}
