"""Deployment records of other things than services: set-ups of servers, schedules, previews, backups.

deployment.allByType adds a `rollback` to each row, which holds the whole application with its secrets: it is not
decoded, so that nothing of it gets any further.
"""

from __future__ import annotations

from typing import Literal

from tui.providers.dokploy.api import Api
from tui.providers.dokploy.wire import DeploymentRow

Type = Literal["application", "compose", "server", "schedule", "previewDeployment", "backup", "volumeBackup"]


async def of_server(api: Api, server: str) -> list[DeploymentRow]:
    """The set-ups of one server, newest first; what was deployed on it is not among them. Raises NotFound."""
    return _newest_first(await api.rows("deployment.allByServer", DeploymentRow, serverId=server))


async def of_type(api: Api, type_: Type, id_: str) -> list[DeploymentRow]:
    """Newest first. An id that is not known has none; but of a schedule it is NotFound."""
    return _newest_first(await api.rows("deployment.allByType", DeploymentRow, id=id_, type=type_))


def _newest_first(rows: list[DeploymentRow]) -> list[DeploymentRow]:
    return sorted(rows, key=lambda row: row.created_at or "", reverse=True)
