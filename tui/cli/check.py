"""check: each account, whether it is reached, what its credential is, and what it may do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import click

from tui.cli import output
from tui.cli.exits import Exit
from tui.cli.options import Common, as_json, common
from tui.cli.session import Session, run
from tui.config import clear_text
from tui.model.action import Verb
from tui.model.errors import ProviderError
from tui.model.log import LogKind
from tui.model.provider import Credential, Provider
from tui.model.skew import SAID_S
from tui.model.words import utc_time

Claim = str | Literal[True] | None
"""True: it can. A sentence: why not. None: nobody knows, because the account could not be checked."""

Claims = Mapping[Verb | LogKind, Claim]


@click.command()
@as_json
@common
def check(options: Common, *, json: bool) -> None:
    """Each account: is it reachable, what is its credential, what may it do, how much of its budget is left."""

    async def work(session: Session) -> Exit:
        results = []
        for name in session.engine.store.accounts:
            result = await _checked(session, name)
            results.append(result)
            if json:
                output.emit(_check_json(session, result))
            else:
                _tell_check(session, result)
        if not json:
            _tell_table(session, results)
        return Exit.DONE if all(result.ok for result in results) else Exit.FAULT

    run(options, work)


@dataclass(frozen=True, slots=True)
class _Check:
    account: str
    provider: Provider | None
    credential: Credential | None
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return self.credential is not None


def _tell_table(session: Session, results: list[_Check]) -> None:
    """Every verb and every kind of log beside each other; the words to each no stand above."""
    shown = [result for result in results if result.provider is not None]
    if not shown:
        return
    output.line("")
    output.columns(
        ("", *(result.account for result in shown)),
        [(str(verb), *(_cell(result, verb, _verbs(session, result)) for result in shown)) for verb in Verb]
        + [(f"{kind} log", *(_cell(result, kind, _log_kinds(result)) for result in shown)) for kind in LogKind],
    )
    unknown = "" if all(result.ok for result in shown) else "; ?: not known"
    output.line(f"yes: this account can; no: it may not, as said above; -: the platform has no such thing{unknown}")


def _cell(result: _Check, what: Verb | LogKind, claims: Claims) -> str:
    assert result.provider is not None
    if what in result.provider.lacks:
        return "-"
    claim = claims[what]
    return "?" if claim is None else "yes" if claim is True else "no"


async def _checked(session: Session, name: str) -> _Check:
    provider: Provider | None = None
    warnings = [each for account in session.config.accounts if account.name == name for each in clear_text(account)]
    try:
        provider = await session.engine.provider(name)
        credential = await provider.check()
    except ProviderError as error:
        return _Check(name, provider, None, (str(error), *warnings))
    return _Check(name, provider, credential, (*credential.problems, *warnings))


def _verbs(session: Session, result: _Check) -> Claims:
    provider, credential = result.provider, result.credential
    if provider is None:
        return dict.fromkeys(Verb)

    def claim(verb: Verb) -> Claim:
        if verb not in provider.handlers:
            return provider.lacks.get(verb, f"{provider.title} cannot {verb}.")
        if session.engine.actions.read_only or session.read_only(result.account):
            return "read-only"
        return None if credential is None else (credential.verbs or {}).get(verb) or True

    return {verb: claim(verb) for verb in Verb}


def _log_kinds(result: _Check) -> Claims:
    provider = result.provider
    if provider is None:
        return dict.fromkeys(LogKind)
    missing = {
        kind: provider.lacks.get(kind, f"{provider.title} has no {kind} log.")
        for kind in LogKind
        if kind not in provider.log_kinds
    }
    return {kind: missing.get(kind, True if result.ok else None) for kind in LogKind}


def _check_json(session: Session, result: _Check) -> output.Json:
    budget = session.engine.budgets[result.account].view()
    credential = result.credential
    return {
        "type": "check",
        "account": result.account,
        "provider": session.engine.store.accounts[result.account].provider,
        "ok": result.ok,
        "credential": f"{credential.kind}: {credential.sees}" if credential else None,
        "problems": list(result.problems),
        "verbs": _verbs(session, result),
        "log_kinds": _log_kinds(result),
        "clock_skew_s": _skew(session, result),
        "budget": {
            "limit": budget.limit,
            "remaining": budget.remaining,
            "resets_at": output.utc(budget.resets_at),
        },
    }


def _tell_check(session: Session, result: _Check) -> None:
    budget = session.engine.budgets[result.account].view()
    credential = result.credential
    lines = [f"{result.account} ({session.title(result.account)}): {'ok' if result.ok else 'NOT OK'}"]
    if credential:
        lines.append(f"  credential  {credential.kind}, sees {credential.sees}")
    lines.extend(f"  problem     {problem}" for problem in result.problems)
    verbs, kinds = _verbs(session, result), _log_kinds(result)
    lines.extend(_can("may", verbs))
    lines.extend(_can("logs", kinds))
    if budget.limit is not None:
        until = f", until {utc_time(budget.resets_at, session.now())}" if budget.resets_at else ""
        lines.append(f"  budget      {budget.remaining} of {budget.limit} requests left{until}")
    seconds = _skew(session, result)
    if seconds is None:
        lines.append("  clock       not known: no answer said what time it is there")
    elif abs(seconds) > SAID_S:
        way = "ahead of" if seconds > 0 else "behind"
        lines.append(f"  clock       {abs(seconds):.0f} s {way} this machine's: ages and times of its things go by it")
    else:
        lines.append("  clock       agrees with this machine's")
    for line in lines:
        output.line(line)


def _skew(session: Session, result: _Check) -> float | None:
    """Seconds; positive: the platform's clock is ahead."""
    seconds = session.engine.skew(result.account).seconds
    return None if seconds is None else round(seconds, 1)


def _can(what: str, claims: Claims) -> list[str]:
    can = [key for key, claim in claims.items() if claim is True]
    said = " ".join(can) or ("not known: the account could not be checked" if None in claims.values() else "nothing")
    lines = [f"  {what:<10}  {said}"]
    return lines + [f"  {'':<10}  not {key}: {claim}" for key, claim in claims.items() if isinstance(claim, str)]
