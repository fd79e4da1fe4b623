"""Who asks, and what they may reach: the context of every resolver."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from graphql import GraphQLResolveInfo

from tui.demo.entities import Deployment, Environment, Project, Service
from tui.demo.railway.errors import NOT_AUTHORIZED, PROBLEM, Refusal
from tui.demo.railway.tokens import Token, TokenKind
from tui.demo.world import Estate, World

T = TypeVar("T")

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(slots=True)
class Context:
    """One request's, or one subscription's. `token` is None where no or no good credential came with it."""

    world: World
    token: Token | None
    complaint: str = NOT_AUTHORIZED  # what is wrong with the credential, in Railway's words
    feed: Any = None  # the log stream a subscription asks for

    @property
    def estate(self) -> Estate:
        return self.world.estate("railway")

    def caller(self, *kinds: TokenKind) -> Token:
        """Whoever asks, if they are one of `kinds`. Raises Refusal."""
        if self.token is None:
            raise Refusal(self.complaint)
        if kinds and self.token.kind not in kinds:
            raise Refusal(NOT_AUTHORIZED)
        return self.token

    def deployment(self, id_: str) -> Deployment:
        token = self.caller()
        found = _known(id_, self.world.deployment, "Deployment not found")
        if not token.sees(found.service.environment):
            raise Refusal(NOT_AUTHORIZED)
        return found

    def environment(self, id_: str) -> Environment:
        token = self.caller()
        known = {one.id: one for one in self.estate.environments}
        found = _known(id_, known.__getitem__, "Environment not found")
        if not token.sees(found):
            raise Refusal(NOT_AUTHORIZED)
        return found

    def project(self, id_: str) -> Project:
        token = self.caller()
        known = {one.id: one for one in self.estate.projects}
        found = _known(id_, known.__getitem__, "Project not found")
        if token.environment is not None and token.environment.project is not found:
            raise Refusal(NOT_AUTHORIZED)
        return found

    def service(self, service_id: str, environment_id: str) -> Service:
        environment = self.environment(environment_id)
        known = {one.service_id: one for one in environment.services}
        return _known(service_id, known.__getitem__, "Service not found")

    def sees(self, project: Project) -> bool:
        return self.token is not None and (self.token.environment is None or self.token.environment.project is project)


def _known(id_: str, find: Callable[[str], T], missing: str) -> T:
    if not _UUID.fullmatch(id_):
        raise Refusal(PROBLEM)
    try:
        return find(id_)
    except KeyError:
        raise Refusal(missing) from None


Info = GraphQLResolveInfo[Context]


def context(info: Info) -> Context:
    return info.context
