"""Deployment records of other things than services, and what is known of a service's records besides its list.

deployment.allByType adds a `rollback` to each row, which holds the whole application with its secrets: its version
alone is decoded, so that nothing else of it gets any further.
"""

from __future__ import annotations

from typing import Literal

from tui.providers import values
from tui.providers.dokploy.api import Api, Rows
from tui.providers.dokploy.wire import DeploymentRow, KeptRow

Type = Literal["application", "compose", "server", "schedule", "previewDeployment", "backup", "volumeBackup"]


async def of_server(api: Api, server: str) -> Rows[DeploymentRow]:
    """Return the set-ups of one server, newest first, not what was deployed on it. Raises NotFound."""
    return _newest_first(await api.rows("deployment.allByServer", DeploymentRow, serverId=server))


async def of_type(api: Api, type_: Type, id_: str) -> Rows[DeploymentRow]:
    """Return the records, newest first. An unknown id has none; but of a schedule it raises NotFound."""
    return _newest_first(await api.rows("deployment.allByType", DeploymentRow, id=id_, type=type_))


async def kept_versions(api: Api, application: str) -> dict[int, str]:
    """Return which deployment each kept image is of, by the image's version. deployment.all lacks that."""
    rows = await api.rows("deployment.allByType", KeptRow, id=application, type="application")
    found = [(each.rollback.version, each.deployment_id) for each in rows.items if each.rollback is not None]
    return {version: deployment for version, deployment in found if version is not None}


def _newest_first(rows: Rows[DeploymentRow]) -> Rows[DeploymentRow]:
    return Rows(newest_first(rows.items), rows.odd)


def newest_first(rows: list[DeploymentRow]) -> list[DeploymentRow]:
    """Sort by the time of creation. A row without one stays behind the row that it came behind, in Dokploy's order."""
    keys: dict[int, float] = {}
    last = float("inf")
    for row in rows:
        if (at := values.moment(row.created_at)) is not None:
            last = at.timestamp()
        keys[id(row)] = last
    return sorted(rows, key=lambda row: keys[id(row)], reverse=True)
