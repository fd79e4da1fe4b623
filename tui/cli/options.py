"""The options every command takes, and what they make of the configuration."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import click
from msgspec import Struct

from tui.cli.exits import Exit, Fault
from tui.config import Config, ConfigError


class Common(Struct, frozen=True):
    config: Path | None = None
    accounts: tuple[str, ...] = ()
    read_only: bool = False

    @property
    def given(self) -> bool:
        return self != Common()

    def load(self) -> Config:
        """The configuration with only the accounts that were asked for. Raises Fault with exit code 2."""
        from msgspec.structs import replace

        from tui.cli.accounts import ProviderNames
        from tui.cli.keymap import names
        from tui.config import load

        try:
            config = load(self.config, providers=ProviderNames(), actions=names())
        except ConfigError as error:
            raise Fault(str(error), Exit.USAGE) from None
        known = [account.name for account in config.accounts]
        for name in self.accounts:
            if name not in known:
                raise Fault(f"There is no account {name!r}.", Exit.USAGE, [f"There is: {', '.join(known) or 'none'}"])
        if not self.accounts:
            return config
        return replace(config, accounts=tuple(account for account in config.accounts if account.name in self.accounts))


def common(function: Callable[..., object]) -> Callable[..., object]:
    """Adds --config, --account and --read-only; the command gets them as its first argument, a Common."""

    @click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="Another configuration file.")
    @click.option("--account", "accounts", multiple=True, metavar="NAME", help="Only this account; may be repeated.")
    @click.option("--read-only", is_flag=True, help="Nothing can be changed.")
    @functools.wraps(function)
    def with_common(config: Path | None, accounts: tuple[str, ...], read_only: bool, **rest: object) -> object:
        return function(Common(config, accounts, read_only), **rest)

    return with_common


class Moment(click.ParamType[datetime]):
    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        from datetime import UTC

        from tui.model.moment import moment

        if isinstance(value, datetime):
            return value
        try:
            return moment(str(value), datetime.now(UTC))
        except ValueError as error:
            self.fail(str(error), param, ctx)


MOMENT = Moment()
as_json = click.option("--json", "json", is_flag=True, help="One JSON object a line.")
