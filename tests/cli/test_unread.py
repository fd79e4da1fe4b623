"""The commands call nothing absent that could not be read, and claim nothing of an account that they did not reach."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Deckwatch

MISSING = "production/nothing"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["odd"], "deckwatch: prod (Story): One row of its services could not be read."),
        (["unread"], "deckwatch: prod (Story): canary could not be read."),
        (["down"], "deckwatch: prod (Story): Story does not answer."),
    ],
)
@pytest.mark.parametrize(
    "arguments",
    [
        ["act", "redeploy", MISSING, "--yes"],
        ["deployments", MISSING],
        ["logs", MISSING],
        ["changes", f"{MISSING}@live"],
        ["changes", "no-such-id"],
    ],
)
def test_a_name_that_is_not_found_may_be_in_what_could_not_be_read(
    deckwatch: Deckwatch, arguments: list[str], words: list[str], said: str
) -> None:
    deckwatch.account("prod", words)

    ended = deckwatch(*arguments)

    assert (ended.code, ended.out) == (1, "")
    assert said in ended.err
    assert "Not everything could be read" in ended.err


def test_a_name_that_is_nowhere_is_wrong_usage_where_everything_was_read(deckwatch: Deckwatch) -> None:
    deckwatch.account("prod")
    deckwatch.account("team", ["odd"])

    assert deckwatch("deployments", f"prod/{MISSING}").code == 2, "the other account cannot have it"
    assert deckwatch("deployments", MISSING).code == 1


def test_a_fragment_is_not_acted_upon_while_an_environment_cannot_be_read(deckwatch: Deckwatch) -> None:
    deckwatch.account("prod", ["unread"])

    fragment = deckwatch("act", "redeploy", "production/api", "--yes")
    whole = deckwatch("act", "redeploy", "prod/shop/production/api", "--yes")

    assert (fragment.code, whole.code) == (1, 0)
    assert "'production/api' may also name a service that could not be read." in fragment.err
    assert "Write it in full: prod/shop/production/api" in fragment.err


@pytest.mark.parametrize("target", ["production/api@latest", "production/api~2", "production/api"])
def test_no_place_in_a_timeline_is_acted_upon_while_rows_of_it_cannot_be_read(
    deckwatch: Deckwatch, target: str
) -> None:
    deckwatch.account("prod", ["odd-deployment"])

    by_place = deckwatch("act", "rollback", target, "--yes")
    by_id = deckwatch("act", "rollback", "production/api", "--to", "api-2", "--yes")

    assert (by_place.code, by_id.code) == (1, 0)
    assert "prod/shop/production/api: One row of its deployments could not be read." in by_place.err
    assert "Name the deployment by its id" in by_place.err


@pytest.mark.parametrize("words", [["empty", "odd"], ["empty", "unread"], ["down"]])
def test_no_services_is_said_only_of_accounts_that_were_read_whole(deckwatch: Deckwatch, words: list[str]) -> None:
    deckwatch.account("prod", words)

    for arguments in (["services"], ["services", "--json"], ["deployments"]):
        ended = deckwatch(*arguments)
        assert (ended.code, ended.out) == (1, "")
        assert "no services" not in ended.err
        assert "no deployments match." not in ended.err
        assert "prod (Story): " in ended.err


def test_an_account_without_services_says_so(deckwatch: Deckwatch) -> None:
    deckwatch.account("prod", ["empty"])

    ended = deckwatch("services")

    assert (ended.code, ended.err) == (0, "deckwatch: the accounts have no services.\n")


def test_an_environment_that_did_not_answer_costs_the_listing_its_good_exit_code(deckwatch: Deckwatch) -> None:
    deckwatch.account("prod", ["unread"])
    deckwatch.account("team", ["odd"])

    ended = deckwatch("services", "--account", "prod", "--json")

    assert (ended.code, len(ended.rows())) == (1, 3)
    assert ended.err == "deckwatch: prod (Story): canary could not be read.\n"
    assert deckwatch("services", "--account", "team").code == 0, "what a token may never see is said, and is no fault"


def test_rows_of_a_timeline_that_could_not_be_read_are_said(deckwatch: Deckwatch) -> None:
    deckwatch.account("prod", ["odd-deployment"])

    listed = deckwatch("deployments", "production/api", "--json")
    none = deckwatch("deployments", "production/api", "--status", "queued")

    assert (listed.code, [row["id"] for row in listed.rows()][:2]) == (1, ["api-4", "api-3"])
    assert "prod/shop/production/api: One row of its deployments could not be read." in listed.err
    assert (none.code, "no deployments match in what could be read" in none.err) == (1, True)


def test_a_service_in_doubt_is_not_called_live(deckwatch: Deckwatch) -> None:
    deckwatch.account("prod", ["doubtful"])

    ended, rows = deckwatch("services"), deckwatch("services", "--json")

    staged = next(line for line in ended.out.splitlines() if "staging/api" in line)
    assert staged.split()[1] == "unknown"
    assert (ended.code, rows.code) == (1, 1)
    assert "prod/shop/staging/api: A newer deployment of it could not be read." in ended.err
    doubted = next(row for row in rows.rows() if row["environment"] == "staging")
    assert (doubted["status"], doubted["doubt"]) == ("unknown", "A newer deployment of it could not be read.")
    acted = deckwatch("act", "redeploy", "staging/api")
    assert "  careful     A newer deployment of it could not be read." in acted.err


def test_what_serves_stands_beside_live_and_the_newest_beside_it(deckwatch: Deckwatch) -> None:
    deckwatch.account("prod")

    header, api, *_ = deckwatch("services").out.splitlines()
    served, newest = (
        row["revision"]["sha"][:7] for row in deckwatch("deployments", "production/api", "--json").rows()[1::-1]
    )

    status = api[header.index("STATUS") : header.index("DEPLOYED")].rstrip()
    revision = api[header.index("REVISION") : header.index("AUTHOR")].rstrip()
    assert (status, revision) == ("live, newest failed", f"{served}, newest {newest}")
    assert "feat: the cart" in api, "what is told of the revision is told of the one that serves"


def test_check_claims_no_verb_of_an_account_that_it_cannot_reach(deckwatch: Deckwatch) -> None:
    deckwatch.account("prod", ["down"])
    deckwatch.account("look", ["down"], "read_only = true\n")
    deckwatch.account("gone", more="")
    deckwatch.config.write_text(
        deckwatch.config.read_text().replace("STORY_TOKEN", "NO_TOKEN").replace("NO_TOKEN", "STORY_TOKEN", 2)
    )

    ended = deckwatch("check", "--json")
    prod, look, gone = ended.rows()
    words = deckwatch("check")

    assert (ended.code, words.code) == (1, 1)
    assert prod["verbs"]["redeploy"] is None
    assert prod["verbs"]["start"] == "Scripted has no start: use redeploy.", "that is known without asking"
    assert look["verbs"]["redeploy"] == "read-only"
    assert set(gone["verbs"].values()) == set(gone["log_kinds"].values()) == {None}
    assert prod["log_kinds"] == {
        "build": "Story has no build log. Look at its web page.",
        "runtime": None,
        "http": None,
    }
    lines = words.out.splitlines()
    assert "  may         not known: the account could not be checked" in lines
    table = {line.split()[0]: line.split()[-2:] for line in lines[lines.index("") + 2 :] if line}
    assert table["redeploy"] == ["?", "no"]
    assert table["start"] == ["-", "-"]
    assert table["runtime"] == ["?", "?"]
    assert "?: not known" in lines[-1]
