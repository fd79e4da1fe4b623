"""What is found, in a line and in many lines at once, and that no expression takes for ever."""

from __future__ import annotations

import time
from itertools import accumulate

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tui.model.text_match import BadExpression, TooSlow, expression, find, verbatim


def block(lines: list[str]) -> tuple[str, list[int]]:
    return "".join(f"{line}\n" for line in lines), list(accumulate((len(line) + 1 for line in lines[:-1]), initial=0))


@pytest.mark.parametrize(
    ("words", "text", "found"),
    [
        ("refused", "Connection REFUSED", True),
        ("Refused", "connection refused", False),
        ("Refused", "connection Refused", True),
        ("straße", "STRASSE", False),
        ("é", "É", True),
        (r"status=5\d\d", "STATUS=503", True),
        (r"\S+Error", "a ValueError", True),
        (r"\S+Error", "a valueerror", False),
        (r"\Serror", "VALUEERROR", True),  # the S is no letter of the words
        (r"(?P<Name>x)", "X", True),
        ("", "anything", True),
    ],
)
def test_lower_case_ignores_case_and_an_upper_case_letter_is_exact(words: str, text: str, found: bool) -> None:
    assert find(words).found(text) is found


@pytest.mark.parametrize("words", ["f(", "*", "a[", "x{2,1}", "(?<=a+", "\\"])
def test_what_does_not_compile_is_searched_for_as_plain_words(words: str) -> None:
    match = find(words)
    assert match.plain
    assert match.spans(f"ab {words} {words.upper()}")[0] == (3, 3 + len(words))
    with pytest.raises(BadExpression):
        expression(words)


def test_words_without_a_sign_are_plain_and_quoted_signs_too() -> None:
    assert find("timeout").plain
    assert not find("time.*out").plain
    assert verbatim("a.b").found("A.B")
    assert not verbatim("a.b").found("acb")


def test_spans_are_in_order_not_empty_and_bounded() -> None:
    assert find("a").spans("banAna") == [(1, 2), (3, 4), (5, 6)]
    assert find("x*").spans("axxbx") == [(1, 3), (4, 5)]
    assert find("K").spans("kK\u212a") == [(1, 2)]
    assert len(find("a").spans("a" * 5000)) == 1000


@pytest.mark.parametrize("words", [r"(x+x+)+[yz]", r"(a|a)*$", r"(.*a){20}b"])
def test_an_expression_that_backtracks_is_given_up_with_a_sentence(words: str) -> None:
    text = "x" * 3000 + "a" * 400 + "!y b"
    for call in (
        lambda: expression(words).found(text),
        lambda: expression(words).spans(text),
        lambda: expression(words).lines(*block([text] * 3)),
    ):
        began = time.perf_counter()
        with pytest.raises(TooSlow, match="this expression backtracks: given up after 50 ms; simplify it"):
            call()
        assert time.perf_counter() - began < 5.0


def test_a_pause_of_the_process_is_not_taken_for_backtracking() -> None:
    """What a collection of garbage takes in the middle of a search counts against its limit: it is tried again."""
    limits: list[float | None] = []

    def once_too_long(limit_s: float | None) -> str:
        limits.append(limit_s)
        if len(limits) == 1:
            raise TimeoutError
        return "found"

    assert expression("ab?")._limited(once_too_long) == "found"
    assert limits == [0.05, 0.05]


def test_plain_words_have_no_limit() -> None:
    assert verbatim("(é")._limited(lambda limit_s: limit_s) is None


PIECES = st.sampled_from(
    [
        "a", "b", "B", "é", " ", ".", r"\s", r"\S", r"\w", r"\W", r"\d", r"\D", r"\b", r"\B", "^", "$", r"\A", r"\Z",
        "[^a]", "[^]a]", r"[\s\d]", r"[\W]", r"[^\s]", "[!-~]", "[\t-a]", "[]b]", "[a-c]", r"\.", r"\n", r"\x0a", r"\t",
        "(?=a)", "(?!a)", r"(?!\s)", r"(?<=\W)", r"(?<!a)", "(?>a*)", "(?i:B)", "(?s:.)", "(?-i:b)", r"(a)\1", "a{1,2}",
        "(?:a|b)", "(a|)", "[[:alpha:]]", r"\R", r"\p{L}", r"\P{L}", r"(?:\s|$)", r"\Gb", r"\K", "(?:ab){e<=1}", r"\M",
    ]
)  # fmt: skip
REPEATS = st.sampled_from(["", "", "", "*", "+", "?", "*?", "*+", "{2}", "{,2}"])
EXPRESSIONS = st.lists(st.tuples(PIECES, REPEATS).map("".join), min_size=1, max_size=5).flatmap(
    lambda parts: st.sampled_from(["".join(parts), "|".join(parts), "(?i)" + "".join(parts), "(?m)" + "".join(parts)])
)
LINES = st.lists(st.text("aAbB. é1K\u212a\t", max_size=8), min_size=1, max_size=8)


@settings(max_examples=1500)
@given(EXPRESSIONS, LINES, st.integers(0, 8))
@example(r"\s", ["a", "b"], 0)
@example("a[^x]*b", ["a", "b", "ab"], 0)
@example(r"(?!\s)$", ["a", ""], 0)
@example("^", [""], 0)
@example("x*", ["", "", "a"], 1)
def test_many_lines_at_once_give_what_each_line_alone_gives(words: str, lines: list[str], first: int) -> None:
    match = find(words)
    text, starts = block(lines)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tui.model.text_match.LIMIT_S", 5.0)  # not what is tested here, and some of these take long
        expected = [at for at, line in enumerate(lines) if at >= first and match.found(line)]
        assert match.lines(text, starts, first) == expected


@settings(max_examples=1000)
@given(st.text("aAbB.(éİK\u212aſs", max_size=3), st.lists(st.text("aAbB.(éiİkK\u212aſsS", max_size=8), min_size=1))
@example("ſ", ["S"])
def test_plain_words_are_found_in_many_lines_as_in_each(words: str, lines: list[str]) -> None:
    match = verbatim(words)
    text, starts = block(lines)
    expected = [at for at, line in enumerate(lines) if match.found(line)]
    assert match.lines(text, starts) == expected
    assert expected == [at for at, line in enumerate(lines) if not words or match.spans(line)]


@given(st.text(), st.lists(st.text(st.characters(exclude_characters="\n")), min_size=1, max_size=5))
def test_arbitrary_words_never_fail(words: str, lines: list[str]) -> None:
    match = find(words)
    assert match.lines(*block(lines)) == [at for at, line in enumerate(lines) if match.found(line)]
