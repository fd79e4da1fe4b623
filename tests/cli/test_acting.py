"""act and audit: nothing without a yes, everything in the audit, and an exit code that says what came of it."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Deckwatch
from tests.cli.terminal import Typed

RECEIPT = {"type", "verb", "target", "outcome", "message", "deployment", "at"}
AUDIT = {"type", "at", "user", "account", "verb", "target", "from", "to", "reason", "phase", "status", "message", "id"}
API = "prod/shop/production/api"


@pytest.fixture
def prod(deckwatch: Deckwatch) -> Deckwatch:
    deckwatch.account("prod")
    return deckwatch


def phases(deckwatch: Deckwatch) -> list[tuple[str, str]]:
    return [(row["verb"], row["phase"]) for row in deckwatch("audit", "--json").rows()]


def test_without_a_terminal_and_without_yes_nothing_is_done(prod: Deckwatch) -> None:
    ended = prod("act", "redeploy", "production/api")

    assert (ended.code, ended.out) == (3, "")
    assert "there is no terminal to confirm on. Add --yes." in ended.err
    assert phases(prod) == []


def test_an_accepted_action_prints_a_receipt_and_is_audited(prod: Deckwatch) -> None:
    ended = prod("act", "redeploy", "production/api", "--yes", "--reason", "the cart", "--json")

    assert ended.code == 0
    (receipt,) = ended.rows()
    assert set(receipt) == RECEIPT
    assert (receipt["verb"], receipt["target"], receipt["outcome"]) == ("redeploy", API, "accepted")
    assert receipt["deployment"] == "api-5"
    assert "Scripted will redeploy api." in ended.err  # what it does is said before it is done
    rows = prod("audit", "--json").rows()
    assert all(set(row) >= AUDIT for row in rows)
    assert [(row["phase"], row["reason"]) for row in rows] == [("asked", "the cart"), ("accepted", "the cart")]
    assert (prod.state / "audit.jsonl").stat().st_mode & 0o777 == 0o600
    assert prod.state.stat().st_mode & 0o777 == 0o700


def test_wait_follows_to_the_end_and_a_failed_deployment_ends_with_5(prod: Deckwatch) -> None:
    prod.settle(1)
    good = prod("act", "redeploy", "production/api", "--yes", "--wait", "--json")
    bad = prod("act", "redeploy", "production/api", "--yes", "--wait", "--reason", "bad build", "--json")

    assert (good.code, bad.code) == (0, 5)
    assert [row["type"] for row in good.rows()] == ["receipt", "deployment"]
    assert (good.rows()[1]["id"], good.rows()[1]["status"]) == ("api-5", "live")
    assert bad.rows()[1]["status"] == "failed"
    assert ("settling" in good.err, "settling" in bad.err) == (True, False)
    assert phases(prod)[2] == ("redeploy", "final")


@pytest.mark.parametrize(("reason", "outcome", "code"), [("no", "refused", 3), ("lost", "unknown", 4)])
def test_a_refusal_and_an_unknown_outcome_have_their_own_exit_codes(
    prod: Deckwatch, reason: str, outcome: str, code: int
) -> None:
    ended = prod("act", "stop", "production/api", "--yes", "--reason", reason, "--json")

    assert ended.code == code
    assert ended.rows()[0]["outcome"] == outcome
    assert phases(prod) == [("stop", "asked"), ("stop", outcome)]


def test_read_only_refuses_before_anything_is_asked(prod: Deckwatch) -> None:
    prod.account("look", [], "read_only = true\n")

    by_option = prod("act", "redeploy", f"{API}", "--yes", "--read-only", "--json")
    by_config = prod("act", "redeploy", "look/shop/production/api", "--yes")

    assert (by_option.code, by_option.rows()[0]["outcome"]) == (3, "refused")
    assert (by_config.code, by_config.out) == (
        3,
        "redeploy look/shop/production/api: refused. look is read-only by the configuration.\n",
    )
    assert phases(prod) == []


def test_what_the_platform_does_not_have_is_refused_with_what_to_do_instead(prod: Deckwatch) -> None:
    ended = prod("act", "start", "production/api", "--yes")

    assert (ended.code, ended.out) == (3, f"start {API}: refused. Scripted has no start: use redeploy.\n")


def test_a_rollback_goes_to_the_last_good_one_unless_another_is_named(prod: Deckwatch) -> None:
    assert "deployment  api-2  removed" in prod("act", "rollback", "production/api").err
    assert prod("act", "rollback", "production/api", "--to", "~3").out.endswith("refused. gone\n")
    assert "deployment  api-2  removed" in prod("act", "rollback", "production/api", "--to", "api-2").err
    assert "deployment  api-3  live" in prod("act", "rollback", "production/api", "--to", "production/api@live").err
    nope = prod("act", "rollback", "production/api", "--to", "nope")
    assert (nope.code, "api-4" in nope.err) == (2, True)
    assert "another service" in prod("act", "rollback", "production/api", "--to", "worker@live").err


def test_a_verbs_own_options_are_the_providers_and_others_are_named(prod: Deckwatch) -> None:
    good = prod("act", "redeploy", "production/api", "--yes", "--region", "eu", "--json")
    bad = prod("act", "redeploy", "production/api", "--yes", "--regoin=eu")

    assert good.rows()[0]["message"] == "{'region': 'eu'}"
    assert bad.code == 2
    assert "--region VALUE   where it runs" in bad.err


def test_a_fragment_is_not_acted_upon_while_an_account_cannot_be_read(prod: Deckwatch) -> None:
    prod.account("team", ["down"])

    fragment = prod("act", "redeploy", "production/api", "--yes")
    whole = prod("act", "redeploy", API, "--yes")

    assert (fragment.code, whole.code) == (1, 0)
    assert f"Write it in full: {API}" in fragment.err


def test_on_a_terminal_a_plain_action_wants_a_yes(prod: Deckwatch) -> None:
    with Typed(["act", "redeploy", "staging/api"], prod.env) as no:
        no.type("Do it? [y/N]", "\r")
        assert no.ended() == 3
    assert "Nothing was done." in no.seen
    assert phases(prod) == []

    with Typed(["act", "redeploy", "staging/api"], prod.env) as yes:
        yes.type("Do it? [y/N]", "y\r")
        assert yes.ended() == 0
    assert phases(prod)[-1] == ("redeploy", "accepted")


def test_on_a_terminal_production_wants_the_services_name(prod: Deckwatch) -> None:
    with Typed(["act", "redeploy", "production/api"], prod.env) as wrong:
        wrong.type("Type api to do it:", "y\r")
        assert wrong.ended() == 3
    assert phases(prod) == []

    with Typed(["act", "redeploy", "production/api"], prod.env) as right:
        right.type("Type api to do it:", "api\r")
        assert right.ended() == 0
    assert phases(prod)[-1] == ("redeploy", "accepted")


def test_the_audit_can_be_cut_by_time_and_account_and_tells_a_torn_line(prod: Deckwatch) -> None:
    prod("act", "redeploy", API, "--yes")
    with (prod.state / "audit.jsonl").open("a") as file:
        file.write('{"type":"aud\n')

    assert len(prod("audit", "--json", "--since", "1h").rows()) == 2
    assert prod("audit", "--json", "--since", "2200-01-01").rows() == []
    assert prod("audit", "--json", "--account", "team").rows() == []
    ended = prod("audit")
    assert ended.out.splitlines()[1].split()[3:6] == ["redeploy", API, "asked"]
    assert "1 line of" in ended.err
