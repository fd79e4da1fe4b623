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
from tui.config import Config, state_path
from tui.engine.audit import AuditLog
from tui.engine.engine import Engine
from tui.engine.history import PAGES
from tui.engine.notes import Notes
from tui.model.entities import Deployment, Kind, Ref, Service, Snapshot
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
        self.partial = False  # something that was asked for could not be read
        self.unread: dict[str, tuple[str, ...]] = {}  # by account: what its picture lacks, in sentences
        self.silent: set[Ref] = set()  # environments that exist and did not answer
        self.torn: set[Ref] = set()  # services with deployments that could not be read

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

    @property
    def is_complete(self) -> bool:
        """Everything was read: only then "none" is an answer."""
        return not (self.failed or self.partial or self.unread)

    def tell_unread(self) -> None:
        """Say what the pictures lack. What failed altogether was said when it did."""
        for name, sentences in self.unread.items():
            for sentence in sentences:
                tell(f"deckwatch: {name} ({self.title(name)}): {sentence}")

    async def services(self, accounts: Sequence[str] | None = None, *, whole: bool = False) -> tuple[Service, ...]:
        """Take a new picture of these accounts, or of all. What cannot be read is in `failed`, which is told, and in
        `unread`.

        `whole`: the picture itself is wanted. What it lacks is told, and an environment that did not answer or a
        service in doubt costs the command its good exit code; what the token may never see does not.
        """

        async def take(name: str) -> None:
            try:
                snapshot = await self.engine.snapshot(name)
            except ProviderError as error:
                self.fault(name, error)
                return
            if not snapshot.is_complete:
                self.unread[name] = _unread(snapshot)
                self.silent.update(snapshot.unread)

        chosen = [name for name in self.engine.store.accounts if accounts is None or name in accounts]
        async with asyncio.TaskGroup() as group:
            for name in chosen:
                group.create_task(take(name))
        services = tuple(service for service in self.engine.store.services() if service.account in chosen)
        if whole:
            self._tell_whole(services)
        return services

    def _tell_whole(self, services: Sequence[Service]) -> None:
        self.tell_unread()
        self.partial |= bool(self.silent) or (not services and bool(self.unread))
        for service in services:
            if service.doubt:
                self.warn(f"{service.path}: {service.doubt}")
                self.partial = True

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
                if error.ambiguous or self.is_complete:
                    raise Fault(str(error), Exit.USAGE, error.candidates) from None
                raise self.not_found(str(error), error.candidates) from None
        return found

    def not_found(self, sentence: str, lines: Sequence[str] = ()) -> Fault:
        """Return how the command ends that looked for something in an incomplete picture."""
        self.tell_unread()
        return Fault(f"Not everything could be read. {sentence}", Exit.FAULT, lines)

    async def provider(self, service: Service) -> Provider:
        return await self.engine.provider(service.account)

    async def timeline(self, service: Service) -> tuple[Deployment, ...]:
        provider = await self.provider(service)
        page = await provider.deployments(service, limit=TIMELINE)
        self.lost_rows(service, page.problems)
        return page.items

    def lost_rows(self, service: Service, problems: Sequence[str]) -> None:
        """Tell which deployments of a page could not be read."""
        for problem in problems:
            self.warn(f"{service.path}: {problem}")
            self.partial = True
            self.torn.add(service.ref)

    async def deployment(self, service: Service, selector: Selector, absent: Exit = Exit.USAGE) -> Deployment:
        """Read the timeline as far back as the one that `selector` means. Raises Fault, with `absent` where there is
        none."""
        provider = await self.provider(service)
        timeline: list[Deployment] = []
        before: str | None = None
        for _ in range(PAGES):
            page = await provider.deployments(service, before, TIMELINE)
            self.lost_rows(service, page.problems)
            timeline += page.items
            before = page.next
            if before is None or selector.word == "latest" or _holds_live(service, timeline):
                try:
                    return select(selector, timeline)
                except TargetError as error:
                    if before is None:
                        code = Exit.FAULT if service.ref in self.torn else absent
                        raise Fault(f"{service.path}{selector}: {error}", code, error.candidates) from None
        raise Fault(f"{service.path}{selector} is not among its newest {len(timeline)} deployments.", Exit.FAULT)

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
            code = Exit.FAULT if service.ref in self.torn else Exit.USAGE
            raise Fault(f"{service.path}: {error}", code, error.candidates) from None

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
            [
                *config.notices,
                "Set RAILWAY_API_TOKEN, or run: deckwatch config init",
                "To look around without one: deckwatch demo",
            ],
        )
    for notice in config.notices:
        tell(f"deckwatch: {notice}")
    diagnostics.to_file()
    folder = state_path() if records else None
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


def _holds_live(service: Service, timeline: Sequence[Deployment]) -> bool:
    """False while what serves is further back: until then "live" and "before the live one" are not decided."""
    return service.live is None or any(each.ref == service.live.ref for each in timeline)


def _unread(snapshot: Snapshot) -> tuple[str, ...]:
    """Sentences about everything that the picture lacks; providers need not have one for each silent environment."""
    projects = {project.ref: project.name for project in snapshot.projects}
    environments = {environment.ref: environment for environment in snapshot.environments}
    sentences = list(snapshot.problems)
    for ref in snapshot.unread:
        environment = environments.get(ref)
        project = "" if environment is None else projects.get(environment.project, "")
        name = ref.id if environment is None else environment.name
        if not any(name in problem or (project and project in problem) for problem in snapshot.problems):
            sentences.append(f"{f'{project}/{name}' if project else name} could not be read.")
    return tuple(dict.fromkeys(sentences))


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
