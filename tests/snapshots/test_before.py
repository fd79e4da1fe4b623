"""What changed before a time, as a picture: three platforms, an action, a new error, what is gone or has no time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from textual.pilot import Pilot

from tests.entities import NOW, deployment, service
from tests.screens.running import sees
from tests.scripted import scripted
from tests.snapshots.showing import SIZES, Compare, shown, utc
from tui.engine.audit import ActionPhase, AuditEntry
from tui.engine.events import NewError
from tui.model.errors import Forbidden
from tui.model.status import Status

__all__ = ["utc"]

MINUTE = 60.0


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_before(size: tuple[int, int], snap_compare: Compare) -> None:
    checkout = [
        deployment("c2", service="checkout", ago_s=47 * MINUTE, message="Tax by region (#548)"),
        deployment("c1", Status.REMOVED, service="checkout", ago_s=300 * MINUTE, message="Round totals in JPY"),
        replace(
            deployment("c0", Status.REMOVED, service="checkout", message="Nobody knows when"),
            created_at=None,
            finished_at=None,
        ),
    ]
    failed = deployment("w1", Status.FAILED, service="web", ago_s=66 * MINUTE, message="Merge index shards lazily")
    prod, platform = scripted(
        service("checkout", latest=checkout[0], live=checkout[0]),
        service("web", latest=failed, live=deployment("w0", service="web", ago_s=4000 * MINUTE)),
    )
    platform.history[platform.services[0].ref] = checkout
    same = replace(
        deployment("p1", service="api", account="payments", ago_s=90 * MINUTE), revision=checkout[0].revision
    )
    payments, other = scripted(
        service("api", project="payments", account="payments", latest=same, live=same),
        service("old", project="payments", account="payments"),
        account="payments",
    )
    lab, refusing = scripted(service("wiki", project="tools", account="lab"), account="lab")
    refusing.history_error = Forbidden("This token may not read deployments.")

    async def before(pilot: Pilot[Any]) -> None:
        app: Any = pilot.app
        await sees(pilot, "checkout", "wiki")
        other.services = other.services[:1]
        at = NOW - timedelta(minutes=58)
        asked = AuditEntry(at, "ada", "prod", "restart", "prod/shop/production/checkout", ActionPhase.ASKED, "a1")
        for phase in (ActionPhase.ASKED, ActionPhase.ACCEPTED, ActionPhase.FINAL):
            app.engine.audit.append(replace(asked, phase=phase, status="live", reason="it hung"))
        boom = NewError(NOW - timedelta(minutes=45), "UndefinedColumn: tax_region of order <*>", 214)
        app.engine.events.tell_errors(platform.services[0].ref, "c2", [boom])
        await pilot.press("at", *"-35m", "enter")
        await sees(pilot, "35 min ago", "time unknown", "gone", "new error", "restart live", "lab: This token")
        await sees(pilot, "3 of 4 services")

    assert snap_compare(shown(prod, payments, lab), terminal_size=size, run_before=before)
