"""What the services write: runtime lines by flavour, build logs by builder, crashes."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from tui.demo.cast import HOSTILE_LINES, Commit, Fate
from tui.demo.clock import SECOND
from tui.demo.flows import mix

Attributes = tuple[tuple[str, str | int | float | bool], ...]


@dataclass(frozen=True, slots=True)
class Line:
    """`attributes` are a structured log's other fields, as values; `owner` is the deployment that wrote it."""

    at: int
    text: str
    level: str = "info"
    instance: str = ""
    attributes: Attributes = ()
    owner: str = ""


Template = tuple[str, str, Attributes]  # text with one {} for an id, level, attributes

_NODE: tuple[Template, ...] = (
    ("GET /products/{} 200 in 18ms", "info", ()),
    ("GET /basket/{} 200 in 31ms", "info", ()),
    ("render /products/{} (edge cache miss)", "info", ()),
    ("POST /basket/items 201 {}", "info", ()),
    ("revalidated /collections/summer after 30s, etag {}", "debug", ()),
    ("GET /favicon.ico 304 {}", "debug", ()),
    ("slow render: /search took 1240ms request={}", "warn", ()),
)
_PYTHON: tuple[Template, ...] = (
    ('INFO:     10.0.3.7:41822 - "GET /v1/orders/{} HTTP/1.1" 200 OK', "info", ()),
    ('INFO:     10.0.3.9:51310 - "POST /v1/orders HTTP/1.1" 201 Created id={}', "info", ()),
    ("order {} accepted, 3 items", "info", ()),
    ("payment intent pi_{} captured", "info", ()),
    ("webhook delivery evt_{} acknowledged", "info", ()),
    ("cache hit ratio 0.93 window={}", "debug", ()),
    ("retrying stripe call after 429, attempt 2, key={}", "warn", ()),
    ("deprecated field `coupon` used by client {}", "warn", ()),
)
_GO_JSON: tuple[Template, ...] = (
    (
        "request completed",
        "info",
        (
            ("request_id", "{}"),
            ("method", "GET"),
            ("path", "/v1/catalog"),
            ("status", 200),
            ("duration_ms", 12.7),
            ("cached", True),
        ),
    ),
    (
        "request completed",
        "info",
        (
            ("request_id", "{}"),
            ("method", "POST"),
            ("path", "/v1/orders"),
            ("status", 201),
            ("duration_ms", 48.1),
            ("cached", False),
        ),
    ),
    ("upstream picked", "debug", (("upstream", "orders-7c9"), ("weight", 3), ("request_id", "{}"))),
    ("token about to expire", "warn", (("subject", "svc-{}"), ("ttl_s", 58))),
)
_JSON_TEXT: tuple[Template, ...] = (
    ('{{"lvl":"info","event":"login","user":"u_{}","mfa":true,"took_ms":84}}', "info", ()),
    ('{{"lvl":"info","event":"token.refresh","client":"web","jti":"{}"}}', "info", ()),
    ('{{"lvl":"warn","event":"login.failed","reason":"bad password","ip":"203.0.113.9","id":"{}"}}', "warn", ()),
    ('{{"lvl":"debug","event":"session.gc","removed":17,"run":"{}"}}', "debug", ()),
)
_WORKER: tuple[Template, ...] = (
    ("[worker] job {} picked from queue default", "info", ()),
    ("[worker] job {} done in 212ms", "info", ()),
    ("[worker] job {} done in 1.9s", "info", ()),
    ("[worker] heartbeat {}", "debug", ()),
    ("[worker] job {} failed once, will retry: TimeoutError", "warn", ()),
)
_POSTGRES: tuple[Template, ...] = (
    ("LOG:  checkpoint starting: time [{}]", "info", ()),
    ("LOG:  checkpoint complete: wrote 312 buffers (1.9%); write=29.9 s, sync=0.01 s [{}]", "info", ()),
    ("LOG:  duration: 1310.552 ms  statement: SELECT * FROM orders WHERE note LIKE '%{}%'", "warn", ()),
)
_REDIS: tuple[Template, ...] = (
    ("1:M * 100 changes in 300 seconds. Saving... {}", "info", ()),
    ("1:M * Background saving terminated with success {}", "info", ()),
)
_ERRORS: tuple[Template, ...] = (
    (
        "ERROR checkout.tax: psycopg.errors.UndefinedColumn: column orders.tax_region does not exist (order {})",
        "error",
        (),
    ),
    ("ERROR:    Exception in ASGI application, request {}", "error", ()),
    ('INFO:     10.0.3.7:40112 - "POST /v1/checkout/{} HTTP/1.1" 500 Internal Server Error', "error", ()),
    ("tax region of order {} unknown, charging the default rate", "warn", ()),
    *_PYTHON,  # what it wrote before goes on
)

FLAVOURS: dict[str, tuple[Template, ...]] = {
    "node": _NODE,
    "python": _PYTHON,
    "go": _GO_JSON,
    "auth": _JSON_TEXT + _GO_JSON[:1],
    "worker": _WORKER,
    "postgres": _POSTGRES,
    "redis": _REDIS,
    "hostile": _NODE
    + tuple((line.replace("{", "{{").replace("}", "}}") + " {}", "info", ()) for line in HOSTILE_LINES),
    "errors": _ERRORS,
}


@cache
def _split(flavour: str) -> tuple[tuple[str, str, str, Attributes], ...]:
    """(before the id, after it, level, attributes) of each template."""
    parts = []
    for text, level, attributes in FLAVOURS[flavour]:
        head, _, end = text.format("\0").partition("\0")
        parts.append((head, end, level, attributes))
    return tuple(parts)


def writer(flavour: str, instances: Sequence[str], owner: str, salt: int) -> Callable[[int, int], Line]:
    """Writes line `number` of a running service; the id in it is the number, so that no two lines are alike."""
    templates, copies, stamp = _split(flavour), len(instances), f"{salt & 0xFFF:03x}"
    count = len(templates)

    def write(number: int, at: int) -> Line:
        bits = mix(number, salt)
        head, end, level, attributes = templates[bits % count]
        name = f"{stamp}{number:x}"
        instance = instances[(bits >> 8) % copies]
        if not attributes:
            return Line(at, f"{head}{name}{end}", level, instance, (), owner)
        named = tuple((key, value.format(name) if isinstance(value, str) else value) for key, value in attributes)
        return Line(at, head, level, instance, named, owner)

    return write


STARTS: dict[str, tuple[str, ...]] = {
    "node": ("Starting Container", "> next start", "   ▲ Next.js 15.4.2", " ✓ Ready in 812ms"),
    "python": (
        "Starting Container",
        "INFO:     Started server process [1]",
        "INFO:     Application startup complete.",
        "INFO:     Uvicorn running on http://0.0.0.0:8080 (Press CTRL+C to quit)",
    ),
    "postgres": ("Starting Container", "LOG:  database system is ready to accept connections"),
    "redis": ("Starting Container", "1:M * Ready to accept connections tcp"),
}

CRASH: tuple[tuple[float, str, str], ...] = (
    (0.0, "Starting Container", "info"),
    (0.9, "INFO mailer: connecting to smtp.acme.example:587", "info"),
    (1.4, "Traceback (most recent call last):", "error"),
    (1.4, '  File "/app/mailer/__main__.py", line 41, in <module>', "error"),
    (1.4, "    main()", "error"),
    (1.4, '  File "/app/mailer/__main__.py", line 33, in main', "error"),
    (1.4, '    key = os.environ["SMTP_SIGNING_KEY"]', "error"),
    (1.4, "          ~~~~~~~~~~^^^^^^^^^^^^^^^^^^^^", "error"),
    (1.4, "KeyError: 'SMTP_SIGNING_KEY'", "error"),
    (1.9, "Stopping Container", "info"),
)
_Words = tuple[tuple[float, str, str], ...]
_TASK_CRASH: _Words = (
    (0.0, "Starting Container", "info"),
    (1.4, "Traceback (most recent call last):", "error"),
    (1.4, '  File "/app/main.py", line 12, in <module>', "error"),
    (1.4, "KeyError: 'SMTP_SIGNING_KEY'", "error"),
)
_TASK_FINISH: _Words = (
    (0.0, "Starting Container", "info"),
    (1.4, "INFO main: no channel is configured, nothing to do", "info"),
)
CRASH_PERIOD = 15 * SECOND
SWARM_DELAY = 5 * SECOND  # Docker Swarm creates the next task at once, and starts it after this
SWARM_START = 300_000_000  # so long does a container take to start
SWARM_PERIOD = SWARM_DELAY + SWARM_START + 2 * SECOND


def task_script(fate: Fate) -> _Words:
    """Return what a task of Docker Swarm writes in its last seconds; nothing where its process never started."""
    if fate is Fate.UNSTARTABLE:
        return ()
    return _TASK_FINISH if fate is Fate.FINISHES else _TASK_CRASH


def crash_script(words: _Words, instances: Sequence[str], owner: str) -> list[tuple[int, Callable[[int, int], Line]]]:

    def note(text: str, level: str) -> Callable[[int, int], Line]:
        return lambda number, at: Line(at, text, level, instances[number // len(words) % len(instances)], (), owner)

    return [(round(offset * SECOND), note(text, level)) for offset, text, level in words]


_DOCKER = (
    "\x1b[35m[inf]\x1b[0m  Using Detected Dockerfile",
    "context: {ctx}",
    "\x1b[2m#1 [internal] load build definition from Dockerfile\x1b[0m",
    "#1 DONE 0.0s",
)
_LANGUAGE: dict[str, tuple[str, ...]] = {
    "node": (
        "\x1b[36m╭────────────────╮\x1b[0m",
        "\x1b[36m│ Railpack 0.6.0 │\x1b[0m",
        "\x1b[36m╰────────────────╯\x1b[0m",
        "↳ Detected Node",
        "↳ Using npm package manager",
        "npm ci",
        "npm \x1b[33mwarn\x1b[0m deprecated inflight@1.0.6: This module is not supported, and leaks memory.",
        "added 873 packages in 14s",
        "> next build",
        "   Creating an optimized production build ...",
        " \x1b[32m✓\x1b[0m Compiled successfully in 9.1s",
        "   Collecting page data ...",
        " \x1b[32m✓\x1b[0m Generating static pages (64/64)",
    ),
    "python": (
        "↳ Detected Python",
        "↳ Using uv",
        "uv sync --locked --no-dev",
        "Resolved 88 packages in 12ms",
        "Prepared 61 packages in 3.40s",
        "Installed 61 packages in 210ms",
        " \x1b[32m+\x1b[0m fastapi==0.116.1",
        " \x1b[32m+\x1b[0m psycopg==3.2.9",
        "python -m compileall app",
        "Listing 'app'...",
    ),
    "go": (
        "↳ Detected Go",
        "go mod download",
        "go: downloading golang.org/x/net v0.43.0",
        "go: downloading github.com/jackc/pgx/v5 v5.7.5",
        'go build -trimpath -ldflags="-s -w" -o out ./cmd/server',
    ),
}
_FAILURE: dict[str, tuple[str, ...]] = {
    "node": (
        "\x1b[31mFailed to compile.\x1b[0m",
        "",
        "./src/app/search/page.tsx:42:18",
        "Type error: Property 'facets' does not exist on type 'SearchResult'.",
        "",
        "\x1b[0m \x1b[90m 40 |\x1b[39m   const result = await search(query)",
        " \x1b[31m\x1b[1m>\x1b[22m\x1b[39m 42 |   return <Facets items={result.facets} />",
        "    |                  \x1b[31m\x1b[1m^\x1b[22m\x1b[39m",
        "npm error code 1",
        "ERROR: failed to build: exit code: 1",
    ),
    "go": (
        "# acme.example/search/internal/index",
        "internal/index/shard.go:88:17: undefined: newMergePolicy",
        "internal/index/shard.go:131:9: cannot use w (variable of type *bufio.Writer) as io.WriteSeeker value "
        "in return statement: *bufio.Writer does not implement io.WriteSeeker (missing method Seek)",
        'ERROR: failed to build: process "go build ./cmd/server" did not complete successfully: exit code: 1',
    ),
    "python": (
        "*** Error compiling 'app/orders/totals.py'...",
        '  File "app/orders/totals.py", line 57',
        "    match currency:",
        "    ^^^^^",
        "SyntaxError: invalid syntax",
        'ERROR: failed to build: process "python -m compileall app" did not complete successfully: exit code: 1',
    ),
}


def build_log(language: str, commit: Commit, start: int, end: int, owner: str, seed: object) -> list[Line]:
    """The lines of a build that runs from `start` to `end`; a failed one ends with the compiler's words."""
    rng = random.Random(f"build:{seed}")
    failed = commit.fate is Fate.BUILD_FAILS
    script = [(text.format(ctx=f"{commit.sha[:4]}-{commit.sha[4:8]}"), "info") for text in _DOCKER]
    for number, text in enumerate(_LANGUAGE[language], 5):
        script.append((f"#{number} {text}" if rng.random() < 0.3 else text, "warn" if "warn" in text else "info"))
        script += [
            (
                f"#{number} {part / 10:.1f} {rng.choice(('transferring', 'extracting', 'compiling', 'linking'))} "
                f"sha256:{rng.getrandbits(48):012x} {rng.randint(1, 90)}.{rng.randint(0, 9)}MB",
                "debug",
            )
            for part in range(rng.randint(2, 9))
        ]
    if failed:
        script += [(text, "error") for text in _FAILURE[language]]
    else:
        script += [
            (f"exporting to docker image format, digest sha256:{commit.sha}", "info"),
            (f"\x1b[92mBuild time: {(end - start) / SECOND:.2f} seconds\x1b[0m", "info"),
        ]
    step = (end - start) // (len(script) + 1)
    at, lines = start, []
    for text, level in script:
        at += round(step * rng.uniform(0.2, 1.7)) if rng.random() > 0.1 else 0
        lines.append(Line(min(at - at % 1000, end), text, level, "", (), owner))
    return lines
