"""Which action or deployment is the doing of one request of ours, and of nobody else's.

A redeploy carries a reference that Cloud 66 keeps in the metadata of its action; the commands of a stack carry it too,
which the documentation shows for the list of actions only. Where no reference comes back, an action or deployment is
ours only if it came through the API, from the token's own user, does what was asked for, and is the only such one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from tui.model.action import Intent, Verb
from tui.model.text import plain
from tui.providers.cloud66 import pending, words
from tui.providers.cloud66.api import Api, stack_path
from tui.providers.cloud66.wire import ActionRow, DeploymentRow
from tui.providers.values import moment

_API = "api"
_NAMED = ("service", "process", "server")  # options that an action's metadata may repeat
_SHORTEST_SHA = 7


def reference(intent: Intent) -> str:
    """What Cloud 66 keeps beside the action, and it is found by. As unique as the intent."""
    return f"deckwatch-{intent.id}"[:255]


async def referenced(api: Api, intent: Intent) -> ActionRow | None:
    """Return the action that carries the intent's reference. Raises ProviderError."""
    wanted = reference(intent)
    path = stack_path(intent.service.ref.id, "actions")
    found = await api.newest(path, ActionRow, {"user_reference": wanted})
    ours = max((row for row in found.rows.items if _reference(row) == wanted), key=lambda row: row.id, default=None)
    if ours is not None:
        api.learn_user(ours.user)
        api.commands_keep_references |= not pending.deploys(ours)
    return ours


async def only_action(api: Api, intent: Intent, command: str, since: datetime) -> ActionRow | None:
    """Return the one action that only this request can have begun; None where that cannot be told.

    `command` is what was asked for. Raises ProviderError.
    """
    ours = await referenced(api, intent)
    if ours is not None or not api.user or api.commands_keep_references:
        return ours
    found = await api.newest(stack_path(intent.service.ref.id, "actions"), ActionRow)
    if not found.rows.is_whole:
        return None
    able = [row for row in found.rows.items if _may_be(row, intent, command, since, api.user)]
    return able[0] if len(able) == 1 else None


def _may_be(row: ActionRow, intent: Intent, command: str, since: datetime, user: str) -> bool:
    started_at = moment(row.started_at)
    return (
        started_at is not None
        and started_at >= since
        and (row.action or "").lower() == command
        and words.word(row.started_via, words.TRIGGERS) == _API
        and same_user(row.user, user)
        and not _reference(row)
        and not _names_another(row, intent.options)
    )


def _names_another(row: ActionRow, options: Mapping[str, str]) -> bool:
    """The action's metadata tell that it is for another service, process or server than was asked for."""
    told = row.metadata if isinstance(row.metadata, dict) else {}
    for name in _NAMED:
        said = next((words.text(told[key]) for key in (f"{name}_name", f"{name}_uid") if key in told), "")
        if said and (wanted := options.get(name, "").strip()) and said != wanted:
            return True
    return False


def own_deployments(
    rows: Sequence[DeploymentRow], *, answered: int | None, user: str, revision: str
) -> list[DeploymentRow]:
    """Return those of the new deployments that may be an accepted request's doing, of which no action is shown.

    `answered` is the number in its answer, `revision` the branch, tag or commit that it asked for.
    """
    named = [row for row in rows if row.id == answered]
    return named or [row for row in rows if _is_own(row, user, revision)]


def _is_own(row: DeploymentRow, user: str, revision: str) -> bool:
    fits = _has_revision(row, revision)
    by = plain(row.triggered_by or "")
    if fits is False or (user and by and not same_user(by, user)):
        return False
    via_api = words.word(row.triggered_via, words.TRIGGERS) == _API
    return via_api and (fits is True or bool(user and by))


def may_have_made(action: ActionRow, row: DeploymentRow, *, not_before: datetime) -> bool:
    """Nothing that the two tell speaks against it that this action made this deployment."""
    began = moment(row.started_at)
    told = (words.word(each, words.TRIGGERS) for each in (action.started_via, row.triggered_via))
    via = [each for each in told if each in words.TRIGGERS.values()]
    who = [each for each in (action.user, row.triggered_by) if each and "@" in each]  # else it is "system"
    return (
        began is not None
        and began >= not_before
        and (len(via) < 2 or via[0] == via[1])
        and (len(who) < 2 or same_user(*who))
    )


def revision_of(intent: Intent) -> str:
    """The branch, tag or commit that an intent asks for; "" where it asks for whatever is newest."""
    target = intent.deployment
    if intent.verb is Verb.ROLLBACK and target is not None and target.revision is not None:
        return target.revision.sha
    return intent.options.get("git-ref", "").strip()


def _has_revision(row: DeploymentRow, wanted: str) -> bool | None:
    """None where nothing was asked for, or the row does not tell."""
    told = [each for each in (row.git_hash, row.git_ref) if each]
    if not wanted or not told:
        return None
    is_sha = len(wanted) >= _SHORTEST_SHA
    return any(each == wanted or (is_sha and each.startswith(wanted)) for each in told)


def same_user(one: str | None, other: str) -> bool:
    return plain(one or "").casefold() == plain(other).casefold()


def _reference(row: ActionRow) -> str:
    found = row.metadata.get("user_reference") if isinstance(row.metadata, dict) else None
    return found if isinstance(found, str) else ""
