from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.providers.body_words import body_words


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"message": "404 Project Not Found"}, "404 Project Not Found"),
        (
            {"message": {"base": ["is archived"], "name": ["has been taken", "is too short"]}},
            "is archived; name: has been taken; is too short",
        ),
        ({"error": "invalid_token", "error_description": "Token was revoked."}, "Token was revoked"),
        ({"error": "not_found", "details": "No such stack"}, "No such stack"),
        (
            {"errors": [{"message": "Not Authorized", "path": ["me"]}, {"message": "Not Authorized"}], "data": None},
            "Not Authorized",
        ),
        ({"errors": ["one", "two"]}, "one; two"),
        ({"errors": {"ref": ["is missing"]}}, "ref: is missing"),
        ({"error": {"json": {"message": "Unauthorized", "code": -32001, "data": {"httpStatus": 401}}}}, "Unauthorized"),
        ({"message": '[{"code":"too_small","path":["name"],"message":"Required"}]'}, "Required"),
        ({"detail": [{"loc": ["body", "x"], "msg": "field required", "type": "missing"}]}, "field required"),
        ({"type": "about:blank", "title": "Bad Request", "status": 400, "detail": "The ref is odd"}, "The ref is odd"),
        (
            {"message": "Validation failed", "issues": [{"message": "name: too long"}]},
            "Validation failed; name: too long",
        ),
        ({"name": ["is taken"]}, "name: is taken"),
        (["first", "second"], "first"),
        ({"error": {"message": "no"}, "detail": "x"}, "no"),
        ("just text", "just text"),
        ({"status": 400, "ok": False, "message": None}, ""),
        ({}, ""),
        ([], ""),
    ],
)
def test_a_json_answer_is_reduced_to_its_words(body: object, words: str) -> None:
    assert body_words(json.dumps(body)) == words
    assert body_words(json.dumps(body, indent=2)) == words


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("bad gateway", "bad gateway"),
        ("", ""),
        ("<html><title>502 Bad Gateway</title></html>", "502 Bad Gateway"),
        ("  <!doctype html><p>no title", "a web page"),
        ('{"message": "cut off in the mid', ""),
        ("[" * 100_000, ""),
        ('{"a":' * 100_000, ""),
    ],
)
def test_what_is_no_json_is_text_or_a_title(body: str, words: str) -> None:
    assert body_words(body) == words


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["message", "error", "errors", "detail", "name", "data"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JSON)
def test_no_answer_is_too_odd_for_it(body: object) -> None:
    words = body_words(json.dumps(body))

    if isinstance(body, dict | list):
        assert not words.lstrip().startswith(('{"', '["'))
