"""A service's list of deployments, page by page, the newest first whatever order Railway keeps."""

from __future__ import annotations

from typing import Any

from tui.model.entities import Service
from tui.providers.graphql import Endpoint
from tui.providers.railway import decode, documents, wire
from tui.providers.railway.asides import is_oldest_first
from tui.providers.railway.wire import DeploymentRow, Rows

_BACKWARDS = "<"


async def read_page(endpoint: Endpoint, service: Service, before: str | None, limit: int) -> Rows[DeploymentRow]:
    """Read a page; `before` is the `next` of the one in front. No order is promised: the newest may be on the last."""
    page = await _read(endpoint, service, before, limit)
    if before is None and is_oldest_first(page):
        return await _read(endpoint, service, _BACKWARDS, limit)
    return page


async def _read(endpoint: Endpoint, service: Service, before: str | None, limit: int) -> Rows[DeploymentRow]:
    """A cursor that begins with `_BACKWARDS` leads from the end of the list towards its beginning."""
    backwards = before is not None and before.startswith(_BACKWARDS)
    span: dict[str, Any] = {"first": limit, "after": before}
    if backwards:
        span = {"last": limit, "before": (before or "").removeprefix(_BACKWARDS) or None}
    environment, service_id = decode.split(service.ref)
    scope = {"projectId": service.project.id, "environmentId": environment, "serviceId": service_id}
    data = await endpoint.execute(documents.DEPLOYMENTS, {"input": scope, **span})
    page = wire.page(wire.at(data, "deployments", endpoint.peer), DeploymentRow, endpoint.peer, "deployments")
    if backwards:
        page.next = None if page.previous is None else f"{_BACKWARDS}{page.previous}"
        page.cut = False
    return page
