"""Restart, stop and start: what is done to what runs in a stack, by its actions.

Source: developers.cloud66.com, stack actions; where the parameters' names differ, those of the Go client are sent.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from tui.model.action import Danger, Effect, Intent, Receipt, Verb
from tui.model.errors import Refused
from tui.model.provider import Handler
from tui.providers.cloud66 import decode
from tui.providers.cloud66.acting import Acting, Call, only, option, where
from tui.providers.cloud66.evidence import reference
from tui.providers.cloud66.progress import acting_on
from tui.providers.cloud66.stacks import Stack

_SERVER = "only on this server, by its uid"
RESTART_OPTIONS = {
    "service": "docker stacks: all containers of this service",
    "container": "docker stacks: one container, by its name or uid",
    "process": "other stacks: the background processes of this name",
    "server": _SERVER,
}
STOP_OPTIONS = {
    "service": "docker stacks: all containers of this service",
    "process": "other stacks: the background processes of this name",
    "server": _SERVER,
}

_DOWN = "It is down until it is started again."
_UNKNOWN = "<its only service>"
_WORDS = {Verb.RESTART: ("restart", "Restarts"), Verb.STOP: ("pause", "Pauses"), Verb.START: ("resume", "Resumes")}
_MAINTENANCE = "maintenance_mode"


class _Order(Struct, frozen=True):
    """What will be asked for; `needs_look` if what runs in the stack has to be read before."""

    body: dict[str, Any]
    does: str
    warnings: tuple[str, ...] = ()
    danger: Danger = Danger.ASK
    needs_look: bool = False


class Running:
    def __init__(self, acting: Acting) -> None:
        self._acting = acting

    def handlers(self) -> dict[Verb, Handler]:
        return {
            Verb.RESTART: Handler(self._run, self._effect, RESTART_OPTIONS),
            Verb.STOP: Handler(self._run, self._effect, STOP_OPTIONS),
            Verb.START: Handler(self._run, self._effect, STOP_OPTIONS),
        }

    async def _run(self, intent: Intent) -> Receipt:
        order = self._order(intent)
        if order.needs_look:
            await self._acting.reader.children(self._acting.stack(intent))
            order = self._order(intent)
        answer = await self._acting.send(intent, _call(intent, order))
        row = self._acting.accepted_row(answer)
        if row.id is None:  # the platform's state has to show what becomes of it
            return self._acting.receipt(intent, answer, message=row.message or "")
        return self._acting.receipt(intent, answer, message=f"action {row.id} has begun", operation=acting_on(row.id))

    def _effect(self, intent: Intent) -> Effect:
        order = self._order(intent)
        return self._acting.effect(intent, _call(intent, order), order.does, *order.warnings, danger=order.danger)

    def _order(self, intent: Intent) -> _Order:
        """Raises Refused for options that do not fit together, or do not fit the stack."""
        only(intent, RESTART_OPTIONS if intent.verb is Verb.RESTART else STOP_OPTIONS)
        stack = self._acting.stack(intent)
        named = [name for name in ("service", "container", "process") if option(intent, name)]
        if len(named) > 1:
            raise Refused(f"One at a time: {' or '.join(named)}.")
        if option(intent, "server") and (not named or named[0] == "container"):
            raise Refused("The option server goes with a service or a process.")
        match named:
            case ["container"]:
                return _container(intent, stack)
            case [kind]:
                return _of_group(intent, stack, kind, option(intent, kind))
        if intent.verb is Verb.RESTART:
            return _whole_stack(intent)
        return _by_default(intent, stack)


def command(intent: Intent, *, docker: bool) -> str:
    """The command that an intent sends, in the word that its action has as well."""
    word, _ = _WORDS[intent.verb]
    for kind in ("service", "container", "process"):
        if intent.options.get(kind, "").strip():
            return f"{kind}_{word}"
    if intent.verb is Verb.RESTART:
        return word
    return f"service_{word}" if docker else _MAINTENANCE


def _call(intent: Intent, order: _Order) -> Call:
    return Call("POST", ("actions",), {**order.body, "user_reference": reference(intent)})


def _whole_stack(intent: Intent) -> _Order:
    return _Order(
        {"command": "restart"},
        f"Restarts every component of the stack {where(intent)}.",
        (
            "It bounces nginx and the databases too: everything is down for a moment.",
            "Name a service, container or process to restart only that.",
        ),
        Danger.TYPE,
    )


def _of_group(intent: Intent, stack: Stack, kind: str, name: str) -> _Order:
    """All containers of a service, or all processes of a name; on one server, if one is named."""
    if stack.row.framework and (kind == "service") is not decode.is_docker(stack.row):
        has = "process" if kind == "service" else "service"
        raise Refused(f"{where(intent)} has no {kind} of its own.", remedy=f"Use the option {has}.")
    _check_known(intent, stack, kind, name)
    verb, does = _WORDS[intent.verb]
    body = {"command": f"{kind}_{verb}", f"{kind}_name": name}
    where_else = ""
    if server := option(intent, "server"):
        body["server_uid"] = server
        where_else = f" on the server {server}"
    what = f"the service {name}" if kind == "service" else f"the processes {name}"
    warnings = {
        Verb.RESTART: ("It may not answer while it restarts.",),
        Verb.STOP: (_DOWN,),
    }.get(intent.verb, ())
    return _Order(body, f"{does} {what} of {where(intent)}{where_else}.", warnings)


def _check_known(intent: Intent, stack: Stack, kind: str, name: str) -> None:
    known = groups(stack)
    if known and not stack.children_odd and name not in known:
        raise Refused(f"{where(intent)} has no {kind} {name[:40]!r}.", remedy=f"It has {', '.join(known)}.")


def _container(intent: Intent, stack: Stack) -> _Order:
    wanted = option(intent, "container")
    if stack.row.framework and not decode.is_docker(stack.row):
        raise Refused(f"{where(intent)} is no docker stack: it has no containers.", remedy="Use the option process.")
    found = [each for each in stack.children or () if wanted in (each.uid, each.name, each.instance.name)]
    found = found or [each for each in stack.children or () if len(wanted) >= 8 and each.uid.startswith(wanted)]
    if stack.children and len(found) != 1:
        many = "more than one container" if found else "no container that could be read named"
        raise Refused(f"{where(intent)} has {many} {wanted[:40]!r}.", remedy="Name it by its uid.")
    return _Order(
        {"command": "container_restart", "container_id": found[0].uid if found else wanted},
        f"Restarts the container {found[0].instance.name if found else wanted} of {where(intent)}.",
        ("It may not answer while it restarts.",),
        needs_look=stack.children is None,
    )


def _by_default(intent: Intent, stack: Stack) -> _Order:
    """A stack cannot be stopped. What comes nearest, if that is one thing; else Refused says what there is."""
    if decode.is_docker(stack.row):
        return _only_service(intent, stack)
    if not decode.is_rails(stack.row):
        known = groups(stack)
        raise Refused(
            f"Cloud 66 cannot {intent.verb} a whole stack.",
            remedy=f"Name one with the option process: {', '.join(known)}."
            if known
            else "Name one of its processes with the option process.",
        )
    return _maintenance(intent, stack)


def _maintenance(intent: Intent, stack: Stack) -> _Order:
    on = decode.in_maintenance(stack.row)
    if intent.verb is Verb.STOP:
        if on:
            raise Refused(f"{where(intent)} is in maintenance mode already.")
        return _Order(
            {"command": _MAINTENANCE, "value": 1},
            f"Puts {where(intent)} into maintenance mode: visitors see a holding page.",
            ("Its processes go on running: the option process pauses one.", _DOWN),
        )
    if on is False:
        raise Refused(f"{where(intent)} is not in maintenance mode.", remedy="The option process resumes a paused one.")
    return _Order(
        {"command": _MAINTENANCE, "value": 0}, f"Takes {where(intent)} out of maintenance mode: it serves again."
    )


def _only_service(intent: Intent, stack: Stack) -> _Order:
    known = groups(stack)
    if stack.children_odd:
        raise Refused(f"Not all services of {where(intent)} could be read.", remedy="Name one with the option service.")
    if stack.children is None:
        known = [_UNKNOWN]
    if not known:
        raise Refused(f"{where(intent)} has no services.")
    if len(known) > 1:
        raise Refused(
            f"Cloud 66 cannot {intent.verb} a whole stack: {where(intent)} has {len(known)} services.",
            remedy=f"Name one with the option service: {', '.join(known)}.",
        )
    verb, does = _WORDS[intent.verb]
    unknown = stack.children is None
    what = _UNKNOWN.strip("<>") if unknown else f"the service {known[0]}"
    warnings = [_DOWN] if intent.verb is Verb.STOP else []
    if unknown:
        warnings.append("What runs in it has not been read yet: if it has several services, nothing is done.")
    return _Order(
        {"command": f"service_{verb}", "service_name": known[0]},
        f"{does} {what} of {where(intent)}.",
        tuple(warnings),
        needs_look=unknown,
    )


def groups(stack: Stack) -> list[str]:
    """The names of its services or processes, as far as they were read."""
    return list(dict.fromkeys(child.group for child in stack.children or ()))
