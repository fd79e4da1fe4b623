"""What is a secret, and what only looks like one."""

from __future__ import annotations

import base64
import json
import re
import string
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.credentials import Secret, masked
from tui.model.mask import mask

ALNUM = string.ascii_letters + string.digits
A36 = "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hJ6"
SHA = "7f3a2c1d9e8b7a6c5d4e3f2a1b0c9d8e7f6a5b4c"
UUID = "0f8fad5b-d9cb-469f-a165-70867728950e"
# Put together here, so that no scanner takes this file for a leak.
JWT = "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0NTY3ODkwIn0." + "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"
PEM = "-----BEGIN RSA PRIVATE KEY-----" + f"\n{A36}\n{A36}\n" + "-----END RSA PRIVATE KEY-----"
TOKENS = {
    "AWS key": "AKIA" + "IOSFODNN7EXAMPLE",
    "GitHub token": "ghp_" + A36,
    "GitLab token": "glpat-" + A36[:20],
    "Slack token": "xoxb-" + "123456789012-abcdefghijkl",
    "Stripe key": "sk_live_" + A36[:24],
    "Google key": "AIza" + A36[:35],
    "npm token": "npm_" + A36,
    "SendGrid key": f"SG.{A36[:22]}.{A36}",
    "API key": "sk-" + "proj-" + A36,
    "Vault token": "hvs." + A36,
    "JWT": JWT,
}


@pytest.mark.parametrize(("kind", "token"), TOKENS.items())
def test_a_token_is_known_by_its_shape(kind: str, token: str) -> None:
    assert mask(f'pushed with {token}, and "{token}"', ()) == f'pushed with ***({kind}), and "***({kind})"'


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Authorization: Bearer abc123def456", "Authorization: Bearer ***(token)"),
        ("authorization=Basic dXNlcjpwYXNz", "authorization=Basic ***(token)"),
        ('{"authorization":"Bearer abc123"}', '{"authorization":"Bearer ***(token)"}'),
        (r"{\"Authorization\":\"token abc123\"}", r"{\"Authorization\":\"token ***(token)\"}"),
        ("curl -H 'PRIVATE-TOKEN: hunter22'", "curl -H 'PRIVATE-TOKEN: ***(token)'"),
        ("x-api-key: hunter22", "x-api-key: ***(api key)"),
        ("sent bearer a1b2c3d4e5", "sent bearer ***(token)"),
        ("Cookie: sid=1; theme=dark", "Cookie: ***(cookie)"),
        ("password=hunter2 user=ann", "password=***(password) user=ann"),
        ("DB_PASSWORD: 'hun ter2', next", "DB_PASSWORD: '***(password)', next"),
        ('"password": "a\\"b", "user": "ann"', '"password": "***(password)", "user": "ann"'),
        ("PGPASSWORD=1234 psql", "PGPASSWORD=***(password) psql"),
        ("DB_PASS=x psql", "DB_PASS=***(password) psql"),
        ("client_secret=abcd1234&scope=all", "client_secret=***(secret)&scope=all"),
        ("AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7", "AWS_SECRET_ACCESS_KEY=***(secret)"),
        (f"token={UUID}", "token=***(token)"),
        ("GET /cb?access_token=abcdef&x=1", "GET /cb?access_token=***(token)&x=1"),
        ("mysql --password hunter2 -u ann", "mysql --password ***(password) -u ann"),
        ("postgres://ann:hunter2@db:5432/shop", "postgres://ann:***(password)@db:5432/shop"),
        ("redis://:p@ss@cache:6379", "redis://:***(password)@cache:6379"),
        ("amqp://u:a/b@mq/x", "amqp://u:***(password)@mq/x"),
        ("https://0123456789abcdef0123@sentry.example/4", "https://***(token)@sentry.example/4"),
        ("https://hooks.slack.com/services/T0/B0/xyz", "https://hooks.slack.com/services/***(webhook)"),
        (f"key: {PEM} end", "key: ***(private key) end"),
        ("-----BEGIN PRIVATE KEY-----\\nMIIB torn", "***(private key)"),
    ],
)
def test_what_a_telling_name_or_place_gives_away_is_masked(text: str, masked: str) -> None:
    assert mask(text, ()) == masked


@pytest.mark.parametrize(
    "text",
    [
        f"deployed {SHA} as {UUID}",
        f"commit={SHA} deployment: {UUID} sha256:{SHA}{SHA[:24]}",
        "max_tokens=4096 tokens: 12 token=null password=null secret: none",
        "Basic authentication failed; bearer authentication is wanted",
        "http://api:8080/path?to=a@b.example",
        "GET https://shop.example/cart?id=17 200 12ms",
        "the password was wrong, no token was given",
        "git@github.com:acme/shop.git",
        "-----BEGIN CERTIFICATE-----",
        "compass: north, keyboard=qwerty, monkey: yes",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert mask(text, ()) == text


def test_our_own_credentials_are_masked_wherever_they_stand() -> None:
    secret = Secret(UUID)
    assert mask(f"<{UUID}> {SHA}", [secret]) == f"<***(credential)> {SHA}"
    assert mask(f"x{UUID}y") == "x***(credential)y", "every credential that was read is known"
    assert mask("a short one: abc", [Secret("abc")]) == "a short one: abc"


@given(st.text(max_size=200))
def test_masking_twice_is_masking_once(text: str) -> None:
    once = mask(text, ())
    assert mask(once, ()) == once


NAMES = st.sampled_from(["password", "api_key", "DB_PASSWORD", "token", "Authorization", "client-secret", "Cookie"])
SIGNS = st.sampled_from(["=", ": ", " = ", '": "', "=>", ':"', '\\": \\"'])
WORDS = st.one_of(st.sampled_from([*TOKENS.values(), "bearer", "Basic", "***", "***(x)", "postgres://a:b@c"]), NAMES)


@given(st.lists(st.one_of(WORDS, SIGNS, st.text(max_size=5)), max_size=12).map("".join))
def test_masking_twice_is_masking_once_of_what_is_full_of_secrets(text: str) -> None:
    once = mask(text, ())
    assert mask(once, ()) == once


@given(NAMES, SIGNS, st.text(ALNUM, min_size=12, max_size=40), st.text(max_size=30))
def test_a_named_secret_never_stays(name: str, sign: str, value: str, around: str) -> None:
    if value not in around and not value.isdecimal():
        assert value not in mask(f"{around} {name}{sign}{value} {around}", ())


OURS = "tok+en/with=42~signs"
PERCENT = "".join(f"%{ord(each):02X}" for each in OURS)


@pytest.mark.parametrize(
    "written",
    [
        OURS,
        quote(OURS, safe=""),
        quote(OURS, safe="").lower(),
        quote(quote(OURS, safe=""), safe=""),
        PERCENT,
        json.dumps(OURS).replace("/", "\\/").strip('"'),
        "".join(f"\\u{ord(each):04x}" for each in OURS),
    ],
)
def test_our_own_token_is_masked_however_it_is_written(written: str) -> None:
    ours = [Secret(OURS)]

    assert masked(f"before {written} after", ours) == "before ***(credential) after"
    assert mask(f"before {written}.", ours) == "before ***(credential)."
    assert masked("before tok+en after", ours) == "before tok+en after"


@given(st.text("abcXYZ019+/-_~.", min_size=8, max_size=60), st.binary(max_size=4), st.binary(max_size=4))
def test_our_own_token_is_masked_in_base64_whatever_stands_around_it(token: str, before: bytes, after: bytes) -> None:
    content = before + token.encode() + after
    secret = [Secret(token)]

    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for written in (encode(content).decode(), quote(encode(content).decode(), safe="")):
            left = masked(f"sent {written}", secret)
            assert "***(credential)" in left
            around = re.sub(r"\*\*\*\(credential\)|%..", "", left.removeprefix("sent ")).rstrip("=")
            assert len(around) <= 4 * 3 + 4, "what stands around the token, and the signs it shares with it"
