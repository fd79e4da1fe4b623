"""act: one action on one service, confirmed, audited, and followed to its end when that is wanted."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence

import click

from tui.cli import output
from tui.cli.exits import Exit, Fault, outlive_reader, tell
from tui.cli.options import Common, as_json, common
from tui.cli.session import Session, run
from tui.engine.actions import Action
from tui.model.action import Danger, Intent, Outcome, Receipt, Verb, dangerous
from tui.model.entities import Deployment, Ref, Service
from tui.model.errors import ProviderError, Refused
from tui.model.target import acted_upon
from tui.targets import Selector, split

_ENDS = {Outcome.ACCEPTED: Exit.DONE, Outcome.REFUSED: Exit.REFUSED, Outcome.UNKNOWN: Exit.UNKNOWN}


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("verb", type=click.Choice([str(verb) for verb in Verb]))
@click.argument("target")
@click.option("--to", metavar="DEPLOYMENT", help="The deployment meant: an id, @previous, ~2. Rollback: @previous.")
@click.option("--reason", default="", metavar="TEXT", help="Why; it stands in the audit.")
@click.option("--yes", is_flag=True, help="Do not ask. Needed where there is no terminal to ask on.")
@click.option(
    "--wait",
    is_flag=True,
    help="Follow till it has stayed healthy for a while ([actions] settle, 60 s); exit code 5 when it failed.",
)
@as_json
@click.argument("extra", nargs=-1, type=click.UNPROCESSED, metavar="[--VERB'S-OWN-OPTION VALUE]...")
@common
def act(
    options: Common,
    *,
    verb: str,
    target: str,
    to: str | None,
    reason: str,
    yes: bool,
    wait: bool,
    json: bool,
    extra: tuple[str, ...],
) -> None:
    """Do VERB to TARGET. TARGET may name a deployment, as in api@live."""
    outlive_reader()

    async def work(session: Session) -> Exit:
        _need_audit(session)
        service, deployment = await _subject(session, Verb(verb), target, to)
        own = await _own_options(session, service, Verb(verb), extra)
        actions = session.engine.actions
        intent = actions.intent(Verb(verb), service, deployment, reason=reason, options=own)
        refusal = actions.blocked(intent.verb, service, deployment)
        if refusal is not None:
            receipt = Receipt(intent, Outcome.REFUSED, session.now(), refusal)
        else:
            try:
                _confirm(session, intent, yes=yes)
                await _audit_free(session)
                receipt = await actions.perform(intent)
            except Refused as error:  # before anything was sent
                receipt = Receipt(intent, Outcome.REFUSED, session.now(), str(error))
        _tell_receipt(receipt, json=json)
        if not wait or receipt.outcome is Outcome.REFUSED:
            return _ENDS[receipt.outcome]
        return await _followed(session, intent, receipt, json=json)

    run(options, work, records=True)


def _need_audit(session: Session) -> None:
    """Raise Fault where no line can be written: then nothing may be sent, today or tomorrow."""
    audit = session.engine.audit
    try:
        audit.prepare()
    except OSError as error:
        raise Fault(
            f"Nothing was done: the audit log {audit.path} cannot be written ({error.strerror or error}).",
            Exit.USAGE,
            [
                "An action without its line in the audit log is never sent.",
                "Make that folder writable, or name another one in XDG_STATE_HOME.",
            ],
        ) from None


async def _audit_free(session: Session) -> None:
    """Wait until nobody else writes the audit log. Raises Refused when that takes too long."""
    try:
        is_free = await session.engine.audit.unlocked(session.engine.clock)
    except OSError as error:
        raise Refused(f"Nothing was done: the audit log cannot be written ({error.strerror or error}).") from None
    if not is_free:
        raise Refused(f"Nothing was done: another process keeps the audit log {session.engine.audit.path} locked.")


async def _subject(session: Session, verb: Verb, target: str, to: str | None) -> tuple[Service, Deployment | None]:
    """Which service, and which of its deployments."""
    service, selector = (await session.find([target]))[0]
    _only(session, target, service)
    if selector is not None and to is not None:
        raise Fault(f"Two deployments are named: {target} and --to {to}.", Exit.USAGE)
    if selector is not None:
        return service, _counted(session, service, await session.deployment(service, selector))
    if to is not None:
        named = await session.named_deployment(service, to)
        return service, named if split(to)[1] is None else _counted(session, service, named)
    if verb is Verb.ROLLBACK:
        good = await session.deployment(service, Selector("previous"), absent=Exit.REFUSED)
        return service, _counted(session, service, good)
    return service, acted_upon(verb, service)


def _only(session: Session, target: str, service: Service) -> None:
    """Raise Fault where `target` may also name something that could not be read."""
    name = split(target)[0]
    of_another = session.failed and not name.startswith(f"{service.account}/")
    in_silence = session.silent and name.casefold() not in (service.path.casefold(), str(service.ref).casefold())
    if of_another or in_silence:
        session.tell_unread()
        raise Fault(
            f"{target!r} may also name a service that could not be read.",
            Exit.FAULT,
            [f"Write it in full: {service.path}"],
        )


def _counted(session: Session, service: Service, found: Deployment) -> Deployment:
    """Return what was found by its place in the timeline. Raises Fault where rows are missing: the place is another."""
    if service.ref in session.torn:
        raise Fault(
            f"Nothing was done: some deployments of {service.path} could not be read.",
            Exit.FAULT,
            ["Name the deployment by its id: --to ID"],
        )
    return found


async def _own_options(session: Session, service: Service, verb: Verb, extra: Sequence[str]) -> Mapping[str, str]:
    """`--name value` and `--name=value` of the provider's own making."""
    provider = await session.provider(service)
    handler = provider.handlers.get(verb)
    known = handler.options if handler else {}
    found: dict[str, str] = {}
    words = iter(extra)
    for word in words:
        name, equals, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") or name not in known:
            there_are = [f"--{option} VALUE   {help_}" for option, help_ in known.items()]
            raise Fault(f"{verb} on {provider.title} has no option {word}.", Exit.USAGE, there_are)
        if not equals:
            value = next(words, "")
        if not value:
            raise Fault(f"The option --{name} wants a value.", Exit.USAGE)
        found[name] = value
    return found


def _confirm(session: Session, intent: Intent, *, yes: bool) -> None:
    """Says what will be done; without --yes asks. Raises Fault with exit code 3 when it is not to be done."""
    effect = session.engine.actions.effect(intent)
    tell(f"{intent.verb} {intent.service.path} on {session.title(intent.service.account)}")
    if intent.deployment is not None:
        tell(f"  deployment  {_described(intent.deployment)}")
    tell(f"  does        {effect.does}")
    for warning in (*effect.warnings, *((intent.service.doubt,) if intent.service.doubt else ())):
        tell(f"  careful     {warning}")
    tell(f"  request     {effect.call}")
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Fault("Nothing was done: there is no terminal to confirm on. Add --yes.", Exit.REFUSED)
    if dangerous(intent, effect) is Danger.TYPE:
        typed = click.prompt(f"Type {intent.service.name} to do it", default="", show_default=False, err=True)
        confirmed = typed.strip() == intent.service.name
    else:
        confirmed = click.confirm("Do it?", default=False, err=True)
    if not confirmed:
        raise Fault("Nothing was done.", Exit.REFUSED)


def _described(deployment: Deployment) -> str:
    revision = deployment.revision
    what = f"  {output.one_line(revision.short, 20)} {output.one_line(revision.message)}" if revision else ""
    return f"{deployment.id}  {output.status_word(deployment.status, deployment.status_raw)}{what}".rstrip()


def _tell_receipt(receipt: Receipt, *, json: bool) -> None:
    if json:
        output.emit(output.receipt_json(receipt))
    else:
        message = f". {receipt.message}" if receipt.message else ""
        output.line(f"{receipt.intent.verb} {receipt.intent.service.path}: {receipt.outcome}{message}")
    if receipt.outcome is Outcome.UNKNOWN:
        tell("deckwatch: it is not known whether it was done. It is not repeated; look with: deckwatch deployments")


async def _followed(session: Session, intent: Intent, receipt: Receipt, *, json: bool) -> Exit:
    unwatch = session.engine.store.watch(_progress(session, intent))
    try:
        action = await session.engine.actions.follow(intent, receipt)
    except asyncio.CancelledError:
        tell(f"deckwatch: {intent.verb} of {intent.service.path} goes on; it is only not followed any more.")
        raise
    finally:
        unwatch()
    followed = action.deployment or (intent.deployment.ref if intent.deployment else None)
    if not json:
        output.line(_ended(action))
    elif followed is not None:
        await _emit_deployment(session, intent.service, followed)
    return Exit.UNKNOWN if action.ok is None else Exit.DONE if action.ok else Exit.FAILED


def _progress(session: Session, intent: Intent) -> Callable[[], None]:
    """Tells each step of its life after it was accepted, once."""
    told = 2

    def tell_steps() -> None:
        nonlocal told
        action = session.engine.actions.running.get(intent.lease)
        if action is None:
            return
        for step in action.life[told:]:
            told += 1
            tell(f"  {output.span((step.at - action.asked_at).total_seconds()):>6}  {step.what}")

    return tell_steps


async def _emit_deployment(session: Session, service: Service, ref: Ref) -> None:
    try:
        deployment = await (await session.provider(service)).deployment(ref, service)
    except ProviderError as error:
        session.fault(service.account, error)
        return
    service = session.engine.store.service(service.ref) or service
    reasons = session.engine.actions.verbs(service, deployment)
    output.emit(output.deployment_json(deployment, service, session.engine.now(service.account), reasons))


def _ended(action: Action) -> str:
    took = output.span((action.ended_at - action.asked_at).total_seconds()) if action.ended_at else "?"
    word = "UNKNOWN" if action.ok is None else "done" if action.ok else "FAILED"
    status = f" ({output.status_word(action.status, '')})" if action.status else ""
    message = f". {action.message}" if action.message else ""
    return f"{action.intent.verb} {action.intent.service.path}: {word}{status} after {took}{message}"
