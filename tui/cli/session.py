"""One headless command's time with the engine: connect, take a picture, resolve names, tell faults, end with a code."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime

from tui.cli import diagnostics
from tui.cli.accounts import account
from tui.cli.exits import Exit, Fault, tell
from tui.cli.options import Common
from tui.config import Config, state_dir
from tui.engine.audit import AuditLog
from tui.engine.engine import Engine
from tui.engine.notes import Notes
from tui.model.entities import Deployment, Kind, Ref, Service
from tui.model.errors import ProviderError
from tui.model.provider import PRIORITY, Priority, Provider
from tui.targets import Selector, TargetError, find_deployment, find_service, select, split

TIMELINE = 50  # deployments looked through for TARGET~2 and its like


class Session:
    def __init__(self, config: Config, engine: Engine) -> None:
        self.config = config
        self.engine = engine
        self.failed: dict[str, ProviderError] = {}
        self.warnings: list[str] = []
        self.partial = False  # something of an account could not be read

    def now(self) -> datetime:
        return self.engine.clock.now()

    def title(self, account: str) -> str:
        return self.engine.store.accounts[account].title

    def read_only(self, account: str) -> bool:
        return any(each.read_only for each in self.engine.accounts if each.name == account)

    def fault(self, account: str, error: ProviderError) -> None:
        """Told once; the other accounts go on, and the command ends with 1."""
        if account not in self.failed:
            tell(f"deckwatch: {account} ({self.title(account)}): {error}")
        self.failed[account] = error

    def warn(self, sentence: str) -> None:
        """What is left out."""
        self.warnings.append(sentence)
        tell(f"deckwatch: {sentence}")

    def service_fault(self, service: Service, error: ProviderError) -> None:
        """As `fault`, of one service alone: the account's others go on."""
        self.warn(f"{service.path}: {error}")
        self.partial = True

    @property
    def exit(self) -> Exit:
        return Exit.FAULT if self.failed or self.partial else Exit.DONE

    async def services(self, accounts: Sequence[str] | None = None, *, whole: bool = False) -> tuple[Service, ...]:
        """A new picture of these accounts, or of all. What cannot be read is told, and in `failed`.

        `whole`: the picture itself is wanted, so what it leaves out is told too.
        """

        async def take(name: str) -> None:
            try:
                snapshot = await self.engine.snapshot(name)
            except ProviderError as error:
                self.fault(name, error)
            else:
                for problem in snapshot.problems if whole else ():
                    tell(f"deckwatch: {name} ({self.title(name)}): {problem}")

        chosen = [name for name in self.engine.store.accounts if accounts is None or name in accounts]
        async with asyncio.TaskGroup() as group:
            for name in chosen:
                group.create_task(take(name))
        return tuple(service for service in self.engine.store.services() if service.account in chosen)

    async def find(self, targets: Sequence[str]) -> list[tuple[Service, Selector | None]]:
        """The services these TARGETs name, and the deployment of theirs that is meant. Raises Fault with exit code 2.

        A target that begins with an account's name needs only that account's picture.
        """
        accounts = {_account_of(target, self.engine.store.accounts) for target in targets}
        services = await self.services(None if None in accounts else [name for name in accounts if name])
        found = []
        for target in targets:
            name, selector = split(target)
            try:
                found.append((find_service(name, services), selector))
            except TargetError as error:
                if self.failed and not error.ambiguous:
                    raise Fault(f"Not all accounts could be read. {error}", Exit.FAULT, error.candidates) from None
                raise Fault(str(error), Exit.USAGE, error.candidates) from None
        return found

    async def provider(self, service: Service) -> Provider:
        return await self.engine.provider(service.account)

    async def timeline(self, service: Service) -> tuple[Deployment, ...]:
        provider = await self.provider(service)
        return (await provider.deployments(service, limit=TIMELINE)).items

    async def deployment(self, service: Service, selector: Selector) -> Deployment:
        try:
            return select(selector, await self.timeline(service))
        except TargetError as error:
            raise Fault(f"{service.path}{selector}: {error}", Exit.USAGE, error.candidates) from None

    async def named_deployment(self, service: Service, text: str) -> Deployment:
        """`text` is an id or its beginning, `@previous`, `~2`, or `TARGET@previous` for the very same service."""
        name, selector = split(text)
        if selector is not None:
            if name:
                self._same(name, service)
            return await self.deployment(service, selector)
        timeline = await self.timeline(service)
        try:
            return find_deployment(text, timeline)
        except TargetError as error:
            if timeline and len(timeline) >= TIMELINE:  # an old one, beyond the page
                return await (await self.provider(service)).deployment(_ref(service, text), service)
            raise Fault(f"{service.path}: {error}", Exit.USAGE, error.candidates) from None

    def _same(self, name: str, service: Service) -> None:
        try:
            other = find_service(name, self.engine.store.services())
        except TargetError as error:
            raise Fault(str(error), Exit.USAGE, error.candidates) from None
        if other.ref != service.ref:
            raise Fault(f"{name} is another service ({other.path}) than {service.path}.", Exit.USAGE)


def run(common: Common, work: Callable[[Session], Awaitable[Exit]], *, records: bool = False) -> None:
    """Runs a headless command to its end and exits with its code. `records`: with the audit and the notes on
    the disk."""
    config = common.load()
    if not config.accounts:
        raise Fault(
            "No account is configured.",
            Exit.USAGE,
            ["Set RAILWAY_API_TOKEN, or run: deckwatch config init", "To look around without one: deckwatch demo"],
        )
    diagnostics.to_file()
    folder = state_dir() if records else None
    audit = AuditLog(folder and folder / "audit.jsonl")
    notes = Notes(folder and folder / "notes.jsonl")
    try:
        code = asyncio.run(_within(config, audit, notes, common.read_only, work))
    except KeyboardInterrupt:
        code = Exit.INTERRUPTED
    sys.exit(code)


async def _within(
    config: Config, audit: AuditLog, notes: Notes, read_only: bool, work: Callable[[Session], Awaitable[Exit]]
) -> Exit:
    PRIORITY.set(Priority.FOCUSED)  # somebody waits for it
    async with Engine(
        [account(one, read_only=read_only) for one in config.accounts],
        audit=audit,
        notes=notes,
        read_only=read_only,
        settle_s=config.actions.settle,
    ) as engine:
        try:
            return await work(Session(config, engine))
        except ProviderError as error:
            raise Fault(str(error)) from None


def _account_of(target: str, accounts: Collection[str]) -> str | None:
    """The account whose name `target` begins with, where that is one: `prod/shop/api`, or a ref."""
    for end in ("/", ":"):
        name, found, _ = target.partition(end)
        if found and name in accounts:
            return name
    return None


def _ref(service: Service, text: str) -> Ref:
    try:
        return Ref.parse(text)
    except ValueError:
        return Ref(service.account, Kind.DEPLOYMENT, text)
