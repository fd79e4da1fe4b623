"""GitLab's refusals: four shapes of body, by who refuses."""

from __future__ import annotations

from starlette.responses import JSONResponse, PlainTextResponse, Response

from tui.demo.clock import SECOND
from tui.demo.faults import Fault

Body = dict[str, object]


class Refused(Exception):
    """The request is answered with `status` and `body`."""

    def __init__(self, status: int, body: Body) -> None:
        super().__init__(str(body))
        self.status = status
        self.body = body


def bad_parameter(text: str) -> Refused:
    """The parameters are not as declared: the routing layer's `error`."""
    return Refused(400, {"error": text})


def bad_request(text: str) -> Refused:
    return Refused(400, {"message": f"400 Bad request - {text}"})


def bad_record(**errors: list[str]) -> Refused:
    """A record that would not be valid: an object of arrays."""
    return Refused(400, {"message": dict(errors)})


def said(status: int, text: str) -> Refused:
    return Refused(status, {"message": text})


def forbidden(why: str = "") -> Refused:
    return said(403, f"403 Forbidden - {why}" if why else "403 Forbidden")


def not_found(what: str = "") -> Refused:
    return said(404, f"404 {what} Not Found" if what else "404 Not found")


def no_route() -> Refused:
    return Refused(404, {"error": "404 Not Found"})


def unauthorized() -> Refused:
    return said(401, "401 Unauthorized")


def expired() -> Refused:
    return Refused(
        401,
        {
            "error": "invalid_token",
            "error_description": "Token is expired. You can either do re-authorization or token refresh.",
        },
    )


def insufficient_scope() -> Refused:
    return Refused(
        403,
        {
            "error": "insufficient_scope",
            "error_description": "The request requires higher privileges than provided by the access token.",
            "scope": "api",
        },
    )


def too_many(fault: Fault, now: int) -> Response:
    """`detail` "application": the limit of one endpoint, in JSON and without RateLimit headers; else the gate's."""
    seconds = max(1, round(fault.seconds))
    if fault.detail == "application":
        text = "This endpoint has been requested too many times. Try again later."
        return JSONResponse({"message": {"error": text}}, 429, {"Retry-After": str(seconds)})
    reset = str(now // SECOND + seconds)
    return retry_later(seconds, {"RateLimit-Remaining": "0", "RateLimit-Reset": reset, "RateLimit-ResetTime": reset})


def retry_later(seconds: int, headers: dict[str, str]) -> Response:
    return PlainTextResponse("Retry later\n", 429, {"Retry-After": str(seconds), **headers})
