"""Railway's endpoint as an ASGI application."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from ariadne import make_executable_schema
from graphql import GraphQLEnumType, GraphQLSchema
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from tui.demo.gate import Abort, Hang
from tui.demo.railway.documents import Validator, parse_query
from tui.demo.railway.errors import QUIET, format_error
from tui.demo.railway.http import HttpEndpoint
from tui.demo.railway.mutations import mutation
from tui.demo.railway.queries import environment_type, project_type, query
from tui.demo.railway.socket import SocketEndpoint
from tui.demo.railway.subscriptions import subscription
from tui.demo.railway.tokens import Tokens
from tui.demo.world import World

PATH = "/graphql/v2"
SDL = Path(__file__).with_name("schema.graphql")


def routes(world: World, tokens: Tokens, *, abort: Abort, hang: Hang) -> list[BaseRoute]:
    """What is under no other path is 404, in plain text."""
    served = schema()
    http = HttpEndpoint(world, tokens, served, abort=abort, hang=hang)
    socket = SocketEndpoint(world, tokens, abort)
    socket.configure(
        served, query_parser=parse_query, query_validator=Validator(), error_formatter=format_error, logger=QUIET
    )

    async def post(request: Request) -> Response:
        return await http(request)

    async def connect(websocket: WebSocket) -> None:
        await socket(websocket)

    return [Route(PATH, post, methods=["POST"]), WebSocketRoute(PATH, connect)]


@cache
def schema() -> GraphQLSchema:
    made = make_executable_schema(SDL.read_text("utf-8"), query, mutation, subscription, project_type, environment_type)
    status = made.type_map["DeploymentStatus"]
    assert isinstance(status, GraphQLEnumType)
    # A status that the schema does not know yet goes out as it is: the real server's schema is newer than a client's.
    status.coerce_output_value = str  # type: ignore[method-assign,assignment]
    return made
