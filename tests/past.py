"""The past of every service as a test gives it: an implementation of what the timeline of everything reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from tui.model.entities import Deployment, Ref
from tui.model.errors import ProviderError
from tui.model.moment import EPOCH


class GivenPast:
    """What is not in `read_since` was read from its beginning on; None there: not at all."""

    def __init__(self, pasts: Mapping[Ref, Sequence[Deployment]]) -> None:
        self.pasts = {service: tuple(each) for service, each in pasts.items()}
        self.read_since: dict[Ref, datetime | None] = {}
        self.problems: dict[Ref, ProviderError] = {}
        self.progress = (len(pasts), len(pasts))
        self.version = 0
        self.wanted: datetime | None = None
        self.lent: list[Ref] = []

    def deployments(self, service: Ref) -> tuple[Deployment, ...]:
        return self.pasts.get(service, ())

    def since(self, service: Ref) -> datetime | None:
        return self.read_since.get(service, EPOCH)

    def odd(self, service: Ref) -> tuple[str, ...]:
        return ()

    def want(self, since: datetime) -> None:
        self.wanted = since if self.wanted is None else min(since, self.wanted)

    def lend(self, service: Ref) -> None:
        self.lent.append(service)
