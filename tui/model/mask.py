"""Secrets in text that is to be kept or handed on, replaced by what kind they were: `password=***(password)`.

It errs on the side of masking what follows a telling name; commit hashes and UUIDs that nothing calls a secret stay.
Text is masked after it was made harmless (`model.text`): an escape inside a token would hide it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from tui.credentials import Secret, masked

_PASSES = 8  # what was hidden behind one secret is seen once that one is gone

_SHAPES: tuple[tuple[str, str], ...] = (
    ("JWT", r"eyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*){0,3}"),
    ("AWS key", r"(?:AKIA|ASIA|AROA|AIDA|AGPA|ANPA|ANVA|AIPA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Z0-9])"),
    ("GitHub token", r"(?:gh[pousr]_[A-Za-z0-9]{16,}|github_pat_\w{20,})"),
    (
        "GitLab token",
        r"(?:gl(?:pat|dt|rt|rtr|cbt|ptt|ft|soat|agent|imt|oas|ffct|wt|rpt)-[\w.-]{16,}|GR1348941[\w-]{16,})",
    ),
    ("Slack token", r"(?:xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{8,}|xapp-[A-Za-z0-9-]{8,})"),
    ("Stripe key", r"(?:[srp]k_(?:live|test)_[A-Za-z0-9]{8,}|whsec_[A-Za-z0-9+/=]{16,})"),
    ("Google key", r"(?:AIza[\w-]{30,}|ya29\.[\w-]{16,}|GOCSPX-[\w-]{16,})"),
    ("npm token", r"npm_[A-Za-z0-9]{30,}"),
    ("PyPI token", r"pypi-[\w-]{40,}"),
    ("SendGrid key", r"SG\.[\w-]{16,}\.[\w-]{16,}"),
    ("API key", r"(?:sk-[A-Za-z0-9_-]{20,}|hf_[A-Za-z0-9]{24,}|lin_api_\w{16,}|key-[0-9a-f]{32})"),
    ("Vault token", r"hv[sbr]\.[\w-]{16,}"),
    ("DigitalOcean token", r"do[opr]_v1_[0-9a-f]{32,}"),
    ("Docker token", r"dckr_(?:pat|oat)_[\w-]{16,}"),
    ("Shopify token", r"shp(?:at|ss|ca|pa)_[0-9a-fA-F]{24,}"),
    ("Sentry token", r"sntr(?:ys|yu)_[\w+/=.-]{16,}"),
    ("Telegram token", r"\d{8,10}:AA[\w-]{30,}"),
)

_KEY_BLOCK = re.compile(
    r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
    r"(?:.*?-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|.*)",
    re.DOTALL,
)
_SHAPE = re.compile(
    r"(?:(?<![A-Za-z0-9_])|(?<=%[0-9A-Fa-f]{2}))(?:"
    + "|".join(f"(?P<k{number}>{shape})" for number, (_, shape) in enumerate(_SHAPES))
    + ")"
)
_WEBHOOK = re.compile(
    r"((?:hooks\.slack\.com/(?:services|workflows|triggers)|discord(?:app)?\.com/api/webhooks"
    r"|[\w.-]{1,80}\.webhook\.office\.com/webhookb2)/)(?!\*\*\*\()[^\s\"'<>]+",
    re.IGNORECASE,
)
_IN_URL = re.compile(
    r"(\b[a-z][a-z0-9+.-]{1,30}://[^\s/?#@:\"'<>]{0,200}:)(?!\*\*\*\()"
    r"(?:[^\s/?#\"'<>]{1,500}@|(?!\d{1,5}[/?#])[^\s@\"'<>]{1,500}@)",
    re.IGNORECASE,
)
_TOKEN_IN_URL = re.compile(
    r"(\b[a-z][a-z0-9+.-]{1,30}://)(?!\*\*\*\()(?=[^@]*\d)[^\s/?#@:\"'<>]{20,500}(?=@)", re.IGNORECASE
)
_SCHEMES = r"bearer|basic|token|digest|negotiate|apikey|aws4-hmac-sha256"
_HEADER = re.compile(
    r"((?:proxy-)?authorization\\?[\"']?\s*(?:=>|[:=])\s*+\\?+[\"'\[]*+)"
    rf"((?:{_SCHEMES})\s++)?+(?!\*\*\*\()[^\s\"'\\,;\]]+(?:,\s*\w+=[^\s,\"']+)*",
    re.IGNORECASE,
)
_COOKIE = re.compile(r"(\b(?:set-)?cookie\\?[\"']?\s*[:=]\s*+\\?+[\"']?+)(?!\*\*\*\()[^\"'\r\n\\]+", re.IGNORECASE)
_BEARER = re.compile(
    r"(\b(?:bearer|basic)\s++)(?!\*\*\*\()(?=\S*[0-9=_~+/]|\S{20})[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE
)
_NAMED = re.compile(
    r"(?P<name>pass(?:word|wd|phrase)|\bpwd\b|_pwd\b|\bpass\b|_pass\b|secret|token|api[_-]?key|access[_-]?key|private[_-]?key"
    r"|(?:auth|signing|encryption|master|account|storage|license|shared)[_-]?key|credential|session[_-]?id|\bsid\b"
    r"|signature|\bsig\b|\botp\b)"
    r"(?P<rest>[\w.-]{0,40}?\\?[\"']?\]?)"
    r"(?P<sign>\s{0,4}(?:=>|:=|[:=])\s{0,4})"
    r"(?P<value>\\\"(?:[^\"\\]|\\[^\"])*(?:\\\"|\Z)|\"(?:[^\"\\]|\\.)*(?:\"|\Z)|'(?:[^'\\]|\\.)*(?:'|\Z)|`[^`]*(?:`|\Z)"
    r"|[^\s,;&\"'`<>\\)}\]]+)",
    re.IGNORECASE,
)
_OPTION = re.compile(
    r"(?P<name>(?<![\w-])--?[\w-]{0,30}(?P<kind>password|passwd|passphrase|secret|token|api-?key|access-?key))"
    r"(?P<sign>\s+)(?P<value>\"[^\"]*\"|'[^']*'|(?![-*])[^\s\"']+)",
    re.IGNORECASE,
)
_HARMLESS = re.compile(r"(?:true|false|null|none|nil|yes|no|undefined|\d{1,9}(?:\.\d+)?m?s?)\Z", re.IGNORECASE)
_MASKED = re.compile(r"\*\*\*\([\w ]*\)?")
_QUOTE = re.compile(r"\\\"|[\"'`]")
_PASSWORD = ("pass", "_pass", "pwd", "_pwd", "otp")


def mask(text: str, secrets: Iterable[Secret] | None = None) -> str:
    """The text with its secrets as `***(kind)`; what has none, as it is. Masking twice is masking once.

    `secrets` are values to mask wherever they stand; None: every credential this process has read.
    """
    text = masked(text, secrets)
    for _ in range(_PASSES):
        before, text = text, _masked(text)
        if text == before:
            break
    return text


def _masked(text: str) -> str:
    text = _KEY_BLOCK.sub("***(private key)", text)
    text = _SHAPE.sub(_kind, text)
    if "/" in text:
        text = _WEBHOOK.sub(r"\1***(webhook)", text)
        text = _IN_URL.sub(r"\1***(password)@", text)
        text = _TOKEN_IN_URL.sub(r"\1***(token)", text)
    text = _HEADER.sub(lambda found: f"{found[1]}{found[2] or ''}***(token)", text)
    text = _COOKIE.sub(r"\1***(cookie)", text)
    text = _BEARER.sub(r"\1***(token)", text)
    text = _OPTION.sub(lambda found: f"{found['name']}{found['sign']}***({found['kind'].lower()})", text)
    return _NAMED.sub(_value, text)


def _kind(found: re.Match[str]) -> str:
    name = found.lastgroup or "k0"
    return f"***({_SHAPES[int(name[1:])][0]})"


def _value(found: re.Match[str]) -> str:
    name, value = found["name"].lower(), found["value"]
    is_password = name.startswith(_PASSWORD)
    opening = _QUOTE.match(value)
    quote = opening[0] if opening else ""
    closing = quote if len(value) >= 2 * len(quote) and value.endswith(quote) else ""
    bare = value[len(quote) : len(value) - len(closing)]
    if not bare or _MASKED.fullmatch(bare) or (not is_password and (_HARMLESS.match(bare) or len(bare) < 4)):
        return found[0]
    if is_password and bare.casefold() in ("true", "false", "null", "none", "nil"):
        return found[0]
    kind = "password" if is_password else name.replace("_", " ").replace("-", " ")
    return f"{found['name']}{found['rest']}{found['sign']}{quote}***({kind}){closing}"
