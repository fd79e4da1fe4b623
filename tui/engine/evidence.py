"""May something be called absent? Only of accounts that were read whole, by this session, just now.

Every sentence that says none, nothing, never or all of accounts asks for the `caveat` first, and says it where there is
one: "nothing failing" of what was read is no word about what was not.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from msgspec import Struct

from tui.engine.store import AccountState, Phase, Store
from tui.model.words import age, plural


class Gap(Struct, frozen=True):
    """Why nothing can be called absent from one account: its `phase`, or a picture that is only `partial`.

    `read_at` is when its picture was read; None where there is none.
    """

    account: str
    phase: Phase
    read_at: datetime | None = None
    partial: bool = False


def gaps(store: Store, now: datetime, accounts: Collection[str] | None = None) -> tuple[Gap, ...]:
    """Return the gap of each of these accounts, or of all, that has one. None at all: absence is evidence."""
    states = (state for name, state in store.accounts.items() if accounts is None or name in accounts)
    return tuple(gap for state in states if (gap := _gap(state, now)) is not None)


def caveat(store: Store, now: datetime, accounts: Collection[str] | None = None) -> str:
    """Return the gaps in words: 'gitlab incomplete', '3 accounts incomplete, the oldest as of 2h ago'; '' for none."""
    found = gaps(store, now, accounts)
    if len(found) == 1:
        return f"{found[0].account} {_state(found[0], now)}"
    if not found:
        return ""
    oldest = min((gap.read_at for gap in found if gap.phase is Phase.STALE and gap.read_at), default=None)
    old = "" if oldest is None else f", the oldest as of {_ago(oldest, now)}"
    return f"{plural(len(found), 'account')} incomplete{old}"


def _gap(state: AccountState, now: datetime) -> Gap | None:
    phase, snapshot = state.phase(now), state.snapshot
    if snapshot is None:
        return Gap(state.name, phase)
    partial = not snapshot.is_complete
    return Gap(state.name, phase, snapshot.observed_at, partial) if partial or phase is not Phase.FRESH else None


def _state(gap: Gap, now: datetime) -> str:
    match gap.phase:
        case Phase.LOADING:
            return "not read yet"
        case Phase.FAILED:
            return "could not be read"
        case Phase.FRESH:
            return "incomplete"
        case Phase.STALE:
            assert gap.read_at is not None
            return f"as of {_ago(gap.read_at, now)}" + (", incomplete" if gap.partial else "")


def _ago(at: datetime, now: datetime) -> str:
    told = age(at, now)
    return "just now" if told == "now" else f"{told} ago"
