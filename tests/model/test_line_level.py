"""The level of a plain line: of those that must be found, and of those that must stay calm."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.shared import CASES, needs_cases
from tui.model.line_level import line_level
from tui.model.log import Level, LogLine
from tui.model.structured import structured

TOLD = {
    Level.FATAL: [
        '2026/03/04 10:11:12 [emerg] 1#1: host not found in upstream "api"',
        "F, [2026-03-04T10:11:12.000000 #1] FATAL -- : no route",
        "panic: runtime error: index out of range [3] with length 3",
        "thread 'main' panicked at src/main.rs:4:5:",
        "Killed",
        "<2>kernel: out of memory",
    ],
    Level.ERROR: [
        "2026-03-04 10:11:12,345 ERROR [main] com.shop.Tax - cannot charge order 17",
        "10:11:12.345 [main] ERROR c.s.Tax - cannot charge",
        "ERROR:root:queue is gone",
        "ERROR:    Exception in ASGI application",
        "[2026-03-04 10:11:12 +0000] [7] [ERROR] Worker failed to boot",
        "E0304 10:11:12.000000       1 sync.go:12] lost",
        "E, [2026-03-04T10:11:12.000000 #1] ERROR -- : no route",
        "2026-03-04 10:11:12.000 UTC [7] ERROR:  duplicate key value violates unique constraint",
        "2026-03-04T10:11:12.000000Z 0 [ERROR] [MY-010119] [Server] Aborting",
        "[Tue Dec 01 00:00:01.1 2026] [core:error] [pid 8] limit",
        "2026-03-04T10:11:12.000Z ERROR app::db: lost",
        "\x1b[31mERROR\x1b[0m: boom",
        '10:11AM ERR failed error="x"',
        "fail: Microsoft.AspNetCore.Server.Kestrel[13]",
        "12:00:01.123 [error] GenServer terminating",
        "=ERROR REPORT==== 1-Dec-2026::10:11:12 ===",
        "::error file=a.js,line=1::Missing semicolon",
        '#12 ERROR: process "/bin/sh -c npm ci" did not complete successfully: exit code: 1',
        "ERROR: Job failed: exit code 1",
        "app.service: Failed with result 'exit-code'.",
        "Dec  1 00:00:01 web app[12]: ERROR lost",
        "web.1  | ERROR boom",
        "Traceback (most recent call last):",
        "KeyError: 'SMTP_SIGNING_KEY'",
        "java.lang.IllegalStateException: boom",
        'Exception in thread "main" java.lang.Error',
        "Uncaught TypeError: x is not a function",
        "error: linking with `cc` failed",
        "npm ERR! code ELIFECYCLE",
        "sh: line 1: foo: command not found",
        '10.0.0.1 - - [30/Nov/2026:23:59:59 +0000] "GET /a HTTP/1.1" 502 5',
    ],
    Level.WARN: [
        "WARNING:django.request:Not Found: /cart",
        "W0304 10:11:12.000000       1 sync.go:12] slow",
        "2026-03-04 10:11:12.345 +00 WRN cache is cold",
        "1:M 30 Nov 2026 23:59:59.000 # save failed",
        "<4>kernel: slow",
        "(node:1) Warning: deprecated",
        "/app/a.py:3: DeprecationWarning: old",
        '10.0.0.1 - - [30/Nov/2026:23:59:59 +0000] "GET /a HTTP/1.1" 404 5',
    ],
    Level.INFO: [
        "2026-03-04 10:11:12.345 +00 INF queue drained (picked=50, deleted=50, failed=0)",
        "2026-03-04 10:11:12,345 INFO  [main] Error handler installed",
        'INFO:     10.0.3.7:41822 - "GET /v1/orders HTTP/1.1" 500 Internal Server Error',
        "INFO the ERROR queue is empty",
    ],
    Level.DEBUG: ["DEBUG:urllib3:ERROR is a word"],
}
CALM = [
    "Failed to open the cache file, going on without",
    "failed=0",
    "0 errors, 0 warnings",
    "ERRORS: 0",
    "error: none",
    "Error handler installed",
    "compiled with no errors",
    "no ERROR found",
    "GET /static/error.html 200",
    "see https://x.dev/errors/ERROR_1",
    "wrote ERROR.md",
    '{"errors": []}',
    "order 6bf132 accepted, 3 items",
    '10.0.0.1 - - [30/Nov/2026:23:59:59 +0000] "GET /error HTTP/1.1" 200 5',
]


@pytest.mark.parametrize(("level", "text"), [(level, text) for level, texts in TOLD.items() for text in texts])
def test_a_level_is_read_where_loggers_write_it(level: Level, text: str) -> None:
    assert line_level(text) is level


@pytest.mark.parametrize("text", CALM)
def test_a_word_elsewhere_is_no_level(text: str) -> None:
    assert line_level(text) is None


@needs_cases
def test_the_plain_lines_that_were_handed_over_have_their_level() -> None:
    for row in (CASES / "01-plain-text-levels.tsv").read_text().splitlines():
        if not row.startswith("#"):
            level, text = row.split("\t", 1)
            assert structured(LogLine(None, text)).level is Level[level], text


def test_the_platforms_own_word_stays_where_it_says_more_than_a_default() -> None:
    assert structured(LogLine(None, "ERROR boom", Level.WARN)).level is Level.WARN
    assert structured(LogLine(None, "all is well", Level.ERROR)).level is Level.ERROR
    assert structured(LogLine(None, '{"level":"warn","msg":"ERROR"}')).level is Level.WARN


@given(st.text() | st.text(alphabet="[](){}<>=:-|*# 0aE.\x1b", max_size=900))
def test_any_line_has_a_level_or_none(text: str) -> None:
    level = line_level(text)
    assert level is None or level in list(Level)
