"""Numbers for what the world knows by UUIDs. All fit into 53 bits, and deployments are numbered in order of time."""

from __future__ import annotations

import zlib

from tui.demo.clock import SECOND
from tui.demo.entities import Deployment, Project, Service, Workspace

_EPOCH_S = 1_704_067_200  # 2024-01-01
STAGES = ("build", "test", "deploy")  # a pipeline's jobs, one in each


def deployment_number(one: Deployment) -> int:
    """The global id: what is younger has the higher one, in one service always, elsewhere by the second."""
    since = max(0, one.created_at // SECOND - _EPOCH_S)
    return since * 1000 + one.number % 20 * 50 + _hash(one.service.id) % 50


def deployment_id(one: Deployment) -> str:
    return str(deployment_number(one))


def job_number(one: Deployment, stage: str = "deploy") -> int:
    return deployment_number(one) * 10 + 1 + STAGES.index(stage)


def pipeline_number(one: Deployment) -> int:
    """Of the pipeline that a deployment began; what was retried is in the pipeline of the first one."""
    return deployment_number(one) + 500_000_000


def environment_number(service: Service) -> int:
    """A service in an environment of the world is an environment of a project here."""
    return 100_000 + _hash("environment", service.id) % 90_000_000


def project_number(service_id: str) -> int:
    return 1_000 + _hash("project", service_id) % 90_000_000


def group_number(place: Workspace | Project) -> int:
    return 100 + _hash("group", place.id) % 9_000_000


def _hash(*parts: str) -> int:
    return zlib.crc32("\0".join(parts).encode())
