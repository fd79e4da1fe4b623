"""Railway's errors: 200, a list of errors, one and the same code for everything that fails at run time."""

from __future__ import annotations

import itertools
import logging
from typing import Any

from graphql import GraphQLError, GraphQLSyntaxError

from tui.demo.flows import mix
from tui.demo.world import Denied

PROBLEM = "Problem processing request"
NOT_AUTHORIZED = "Not Authorized"

_traces = itertools.count(1)
_log = logging.getLogger(__name__)
QUIET = logging.getLogger(f"{__name__}.quiet")  # for ariadne, which would log every refusal as an error of ours
QUIET.setLevel(logging.CRITICAL + 1)


class Refusal(Exception):
    """Its text is what the client reads."""


def trace_id() -> str:
    number = next(_traces)
    return str(mix(number, 1) << 31 | mix(number, 2) >> 1)


def is_invalid(error: GraphQLError) -> bool:
    """The document or its variables are wrong: nothing was run."""
    return error.path is None


def error_body(message: str, **more: object) -> dict[str, Any]:
    return {"message": message, **more, "extensions": {"code": "INTERNAL_SERVER_ERROR"}, "traceId": trace_id()}


def format_error(error: GraphQLError, debug: bool = False) -> dict[str, Any]:  # ariadne's
    locations = [{"line": at.line, "column": at.column} for at in error.locations or ()]
    if is_invalid(error):
        code = "GRAPHQL_PARSE_FAILED" if isinstance(error, GraphQLSyntaxError) else "GRAPHQL_VALIDATION_FAILED"
        return {
            "message": error.message,
            "locations": locations,
            "extensions": {"code": code},
            "traceId": trace_id(),
        }
    message = str(error.original_error)
    if not isinstance(error.original_error, Refusal | Denied):
        if error.original_error is not None and not str(error.original_error).startswith("Cannot return null"):
            _log.error("a fault of the demo's own", exc_info=error.original_error)
        message = PROBLEM
    return error_body(message, locations=locations, path=list(error.path or ()))
