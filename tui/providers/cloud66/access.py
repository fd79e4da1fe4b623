"""What the token is and sees. Cloud 66 has no call that tells a token's scopes."""

from __future__ import annotations

from contextlib import suppress

from tui.model.errors import Forbidden, NotFound, RateLimited, Refused, UnexpectedReply, Unreachable
from tui.model.provider import Credential
from tui.model.text import plain
from tui.model.words import plural
from tui.providers.cloud66 import decode, words
from tui.providers.cloud66.api import Api
from tui.providers.cloud66.wire import AccountRow, StackRow

_SCOPES = "Cloud 66 does not tell a token's scopes: what it may not do is said when it is tried."
_NO_LIVE_LOGS = "live_logs is not set, so that deploy logs are shown only where Cloud 66 names their operation."


async def check(api: Api, *, live_logs: bool) -> Credential:
    """Raises ProviderError when the token is not accepted, or may not even look."""
    with suppress(NotFound, Refused, Forbidden):  # an installation without it: the list of stacks tells as well
        await api.get("ping/auth.json")
    owner = await _owner(api)
    listed = await api.all("stacks", StackRow)
    stacks = [row for row in listed.items if not decode.is_cluster(row)]
    accounts = list(dict.fromkeys(decode.account_name(row) for row in stacks))
    sees = plural(len(stacks), "stack") + ("" if listed.is_whole else " that can be read")
    if accounts:
        sees += " of " + ", ".join(accounts[:5]) + (", …" if len(accounts) > 5 else "")
    problems = [*listed.problems(), _SCOPES, *([] if live_logs else [_NO_LIVE_LOGS]), *api.warnings()]
    return Credential("API token" + (f" of {owner}" if owner else ""), sees, tuple(problems))


async def _owner(api: Api) -> str:
    """Only a token with the scope `users` may ask; "" for the others."""
    try:
        rows = (await api.all("accounts", AccountRow)).items
    except (RateLimited, Unreachable):
        raise
    except (Forbidden, NotFound, Refused, UnexpectedReply):
        return ""
    mine = next((row for row in rows if words.flag(row.current_account)), rows[0] if rows else AccountRow())
    return plain(mine.owner or mine.friendly_name or "")
