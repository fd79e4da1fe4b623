"""GitLab's endpoints as an ASGI application: a table of routes, and what stands before each."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import parse_qsl, unquote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from tui.demo.clock import SECOND
from tui.demo.gate import Abort, Gate, Hang, Words
from tui.demo.gitlab import account, deployments, environments, jobs
from tui.demo.gitlab.call import Call
from tui.demo.gitlab.errors import (
    Refused,
    bad_parameter,
    bad_request,
    expired,
    insufficient_scope,
    no_route,
    retry_later,
    said,
    too_many,
    unauthorized,
)
from tui.demo.gitlab.render import Render
from tui.demo.gitlab.site import Site
from tui.demo.gitlab.tokens import Token, Tokens
from tui.demo.world import World

OLD = "/old"
_API = "/api/v4"
_METHODS = ["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH"]


@dataclass(frozen=True)
class Endpoint:
    """`template` as GitLab writes it. `new`: no server of the 12.x years has it. `job`: a CI job's token will do."""

    method: str
    template: str
    name: str
    answer: Callable[[Call], Response]
    new: bool = False
    job: bool = False

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(re.sub(r":(\w+)", r"(?P<\1>[^/]+)", self.template))

    @property
    def names(self) -> set[str]:
        return {self.method, self.template, self.name, f"{self.method} {self.template}"}


_P = "/projects/:id"
ENDPOINTS = (
    Endpoint("GET", "/version", "version", account.version),
    Endpoint("GET", "/metadata", "metadata", account.metadata, new=True),
    Endpoint("GET", "/personal_access_tokens/self", "token", account.token, new=True),
    Endpoint("GET", "/user", "user", account.user),
    Endpoint("GET", "/groups", "groups", account.all_groups),
    Endpoint("GET", "/groups/:id", "group", account.group),
    Endpoint("GET", "/groups/:id/projects", "group-projects", account.group_projects),
    Endpoint("GET", "/projects", "projects", account.projects),
    Endpoint("GET", _P, "project", account.project),
    Endpoint("GET", f"{_P}/repository/commits", "commits", account.commits),
    Endpoint("GET", f"{_P}/repository/commits/:sha", "commit", account.commit),
    Endpoint("GET", f"{_P}/repository/compare", "compare", account.compare),
    Endpoint("GET", f"{_P}/environments", "environments", environments.listed, job=True),
    Endpoint("POST", f"{_P}/environments", "create-environment", environments.created, job=True),
    Endpoint("GET", f"{_P}/environments/:environment_id", "environment", environments.shown, job=True),
    Endpoint("POST", f"{_P}/environments/:environment_id/stop", "stop", environments.stopped, job=True),
    Endpoint("DELETE", f"{_P}/environments/:environment_id", "delete-environment", environments.deleted, job=True),
    Endpoint("GET", f"{_P}/deployments", "deployments", deployments.listed, job=True),
    Endpoint("POST", f"{_P}/deployments", "create-deployment", deployments.created, job=True),
    Endpoint("GET", f"{_P}/deployments/:deployment_id", "deployment", deployments.shown, job=True),
    Endpoint("PUT", f"{_P}/deployments/:deployment_id", "update-deployment", deployments.updated, job=True),
    Endpoint(
        "DELETE", f"{_P}/deployments/:deployment_id", "delete-deployment", deployments.deleted, new=True, job=True
    ),
    Endpoint(
        "GET",
        f"{_P}/deployments/:deployment_id/merge_requests",
        "merge-requests",
        deployments.merge_requests,
        new=True,
        job=True,
    ),
    Endpoint("POST", f"{_P}/deployments/:deployment_id/approval", "approval", deployments.approval, new=True),
    Endpoint("GET", f"{_P}/jobs", "jobs", jobs.listed),
    Endpoint("GET", f"{_P}/jobs/:job_id", "job", jobs.shown),
    Endpoint("GET", f"{_P}/jobs/:job_id/trace", "trace", jobs.log),
    Endpoint("POST", f"{_P}/jobs/:job_id/retry", "retry", jobs.retried),
    Endpoint("POST", f"{_P}/jobs/:job_id/play", "play", jobs.played),
    Endpoint("POST", f"{_P}/jobs/:job_id/cancel", "cancel", jobs.cancelled),
    Endpoint("POST", f"{_P}/jobs/:job_id/erase", "erase", jobs.erased),
    Endpoint("GET", f"{_P}/pipelines", "pipelines", jobs.pipelines),
    Endpoint("GET", f"{_P}/pipelines/:pipeline_id", "pipeline", jobs.pipeline),
    Endpoint("GET", f"{_P}/pipelines/:pipeline_id/jobs", "pipeline-jobs", jobs.of_pipeline),
    Endpoint("POST", f"{_P}/pipelines/:pipeline_id/cancel", "cancel-pipeline", jobs.pipeline_cancelled),
    Endpoint("POST", f"{_P}/pipelines/:pipeline_id/retry", "retry-pipeline", jobs.pipeline_retried),
    Endpoint("POST", f"{_P}/pipeline", "create-pipeline", jobs.pipeline_created),
)


def routes(world: World, tokens: Tokens, *, abort: Abort, hang: Hang) -> list[BaseRoute]:
    """Of today's server, and under `/old` of one from 12.x over the same world."""
    site = Site(world)
    gate = Gate(world, Words(lambda fault: too_many(fault, world.now), _unauthorized, _refused), abort=abort, hang=hang)
    return [
        Route(f"{prefix}{_API}/{{rest:path}}", _Door(site, tokens, gate, prefix), methods=_METHODS)
        for prefix in ("", OLD)
    ]


def _unauthorized() -> Response:
    return JSONResponse(unauthorized().body, 401)


def _refused(words: str) -> Response:
    refusal = bad_request(words)
    return JSONResponse(refusal.body, refusal.status)


@dataclass
class _Door:
    """Finds the endpoint, asks the gate, the token and its budget, and puts refusals into words.

    An instance, not a function: starlette would call a function with a request of its own making.
    """

    site: Site
    tokens: Tokens
    gate: Gate
    prefix: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with contextlib.suppress(ClientDisconnect):  # who is gone needs no answer
            await (await self.respond(Request(scope, receive)))(scope, receive, send)

    async def respond(self, request: Request) -> Response:
        raw: bytes = request.scope.get("raw_path") or request.url.path.encode()
        path = raw.decode("ascii", "replace").partition("?")[0].removeprefix(self.prefix + _API)
        endpoint, place = self._find(request.method, path)
        names = {request.method} if endpoint is None else endpoint.names
        if (early := await self.gate.before(request, names)) is not None:
            return early
        body = await request.body()
        answer = self._answered(request, endpoint, place, body)
        return await self.gate.behind(request, names, answer)

    def _find(self, method: str, path: str) -> tuple[Endpoint | None, dict[str, str]]:
        """A part of the path with an encoded slash is one part."""
        for endpoint in ENDPOINTS:
            if endpoint.method != ("GET" if method == "HEAD" else method) or (self.prefix and endpoint.new):
                continue
            if (found := endpoint.pattern.fullmatch(path.rstrip("/"))) is not None:
                return endpoint, {name: unquote(value) for name, value in found.groupdict().items()}
        return None, {}

    def _answered(self, request: Request, endpoint: Endpoint | None, place: dict[str, str], body: bytes) -> Response:
        now = self.site.world.now
        query, arrays = _query(request)
        token = self.tokens.caller(request.headers, query)
        headers = {"X-Request-Id": f"01J{now:x}".upper()}
        try:
            if token is not None and not token.spend(now):
                wait = max(1, token.resets_at(now) - now // SECOND)
                reset = {"RateLimit-ResetTime": str(token.resets_at(now))}
                return retry_later(wait, {**token.headers(now), **reset})
            if token is not None and self.tokens.server.rate_headers and not self.prefix:
                headers |= token.headers(now)
            if endpoint is None:
                raise no_route()
            answer = endpoint.answer(self._call(request, endpoint, token, place, query, arrays, body))
        except Refused as refused:
            answer = JSONResponse(refused.body, refused.status)
        except _Moved as moved:
            answer = moved.answer
        answer.headers.update(headers)
        return answer

    def _call(
        self,
        request: Request,
        endpoint: Endpoint,
        token: Token | None,
        place: dict[str, str],
        query: dict[str, str],
        arrays: dict[str, list[str]],
        body: bytes,
    ) -> Call:
        """Raises Refused: the caller may not."""
        if token is None or (token.job and not endpoint.job):
            raise unauthorized()
        if token.expired:
            raise expired()
        if endpoint.method != "GET" and not token.writes:
            raise insufficient_scope()
        root = f"{request.url.scheme}://{request.url.netloc}{self.prefix}"
        self._follow(request, endpoint, place, root)
        return Call(
            self.site,
            self.tokens.server,
            token,
            Render(self.site, root, old=bool(self.prefix)),
            root + _API + request.scope["raw_path"].decode("ascii").removeprefix(self.prefix + _API),
            place,
            query,
            arrays,
            _body(request, body),
            {**request.headers, "method": request.method},
        )

    def _follow(self, request: Request, endpoint: Endpoint, place: dict[str, str], root: str) -> None:
        """Where a project has gone to. Raises Refused, _Moved."""
        if self.prefix or not endpoint.template.startswith("/projects/:id"):
            return
        target = self.site.moved.get(place["id"].lower())
        project = self.site.project(target) if target else None
        if project is None:
            return
        if request.method != "GET":
            raise said(405, "Non GET methods are not allowed for moved projects")
        raw = request.scope["raw_path"].decode("ascii").removeprefix(_API)
        rest = raw.removeprefix("/projects/").partition("/")[2]
        where = f"{root}{_API}/projects/{project.id}" + (f"/{rest}" if rest else "")
        where += f"?{request.url.query}" if request.url.query else ""
        raise _Moved(JSONResponse({"message": "This resource has been moved permanently"}, 301, {"Location": where}))


class _Moved(Exception):
    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer = answer


def _query(request: Request) -> tuple[dict[str, str], dict[str, list[str]]]:
    single: dict[str, str] = {}
    arrays: dict[str, list[str]] = {}
    for name, value in parse_qsl(request.url.query, keep_blank_values=True):
        if name.endswith("[]"):
            arrays.setdefault(name[:-2], []).append(value)
        else:
            single[name] = value
    return single, arrays


def _body(request: Request, body: bytes) -> dict[str, object]:
    """JSON or a form. Raises Refused."""
    if not body or request.method in ("GET", "HEAD"):
        return {}
    if "json" in request.headers.get("content-type", ""):
        try:
            found = json.loads(body)
        except ValueError:
            raise bad_parameter("The request body is not valid JSON") from None
        return found if isinstance(found, dict) else {}
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
