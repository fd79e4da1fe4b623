"""services, deployments, logs, check: what is printed, where, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tests.cli.conftest import Deckwatch, Ended

SERVICE = {
    "type", "ref", "account", "provider", "project", "environment", "name", "status", "status_raw", "url", "replicas",
    "deployment", "live", "instances", "observed_at", "stale_s",
}  # fmt: skip
DEPLOYMENT = {
    "type", "ref", "id", "service", "status", "status_raw", "created_at", "started_at", "finished_at", "duration_s",
    "revision", "creator", "trigger", "is_live", "approvals", "actions", "url",
}  # fmt: skip
LINE = {"type", "service", "deployment", "kind", "at", "level", "text", "instance", "attributes"}
REQUEST = {
    "type", "service", "deployment", "at", "id", "method", "path", "status", "duration_ms", "client_ip", "host",
}  # fmt: skip
CHECK = {"type", "account", "provider", "ok", "credential", "problems", "verbs", "log_kinds", "clock_skew_s", "budget"}


@pytest.fixture
def prod(deckwatch: Deckwatch) -> Deckwatch:
    deckwatch.account("prod")
    return deckwatch


def test_services_as_json_have_the_promised_keys(prod: Deckwatch) -> None:
    ended = prod("services", "--json")

    assert (ended.code, ended.err) == (0, "")
    rows = ended.rows()
    assert [(row["environment"], row["name"]) for row in rows] == [
        ("production", "api"),
        ("production", "worker"),
        ("staging", "api"),
    ]
    api = rows[0]
    assert set(api) == SERVICE
    assert set(api["deployment"]) == set(api["live"]) == DEPLOYMENT
    assert (api["deployment"]["id"], api["live"]["id"], api["live"]["is_live"]) == ("api-4", "api-3", True)
    assert api["observed_at"].endswith("Z")
    assert api["live"]["actions"]["redeploy"] is True
    assert api["live"]["actions"]["start"] == "Scripted has no start: use redeploy."


def test_services_for_people_are_columns_without_colour_in_a_pipe(prod: Deckwatch) -> None:
    ended = prod("services")

    assert ended.code == 0
    header, api, worker, _ = ended.out.splitlines()
    assert header.split() == ["TARGET", "STATUS", "DEPLOYED", "REVISION", "AUTHOR", "WHAT"]
    assert api.index("live") == worker.index("crashed") == header.index("STATUS")
    assert "\x1b" not in ended.out


def test_a_fault_in_one_account_leaves_the_others(prod: Deckwatch) -> None:
    prod.account("team", ["down"])

    ended = prod("services", "--json")

    assert ended.code == 1
    assert {row["account"] for row in ended.rows()} == {"prod"}
    assert ended.err == "deckwatch: team (Story): Story does not answer. Look at its status page.\n"
    assert prod("services", "--account", "prod").code == 0


def test_a_token_that_is_not_there_is_told_with_its_account(prod: Deckwatch) -> None:
    del prod.env["STORY_TOKEN"]

    ended = prod("services")

    assert ended.code == 1
    assert "prod (Story): The environment variable STORY_TOKEN is not set." in ended.err


def test_deployments_are_newest_first_and_have_the_promised_keys(prod: Deckwatch) -> None:
    rows = prod("deployments", "production/api", "--json").rows()

    assert [row["id"] for row in rows] == ["api-4", "api-3", "api-2", "api-1"]
    assert all(set(row) == DEPLOYMENT for row in rows)
    assert set(rows[0]["revision"]) == {"sha", "ref", "message", "author", "url"}
    assert rows[3]["actions"]["rollback"] == "gone"


def test_deployments_of_all_services_are_merged_by_time(prod: Deckwatch) -> None:
    rows = prod("deployments", "--json").rows()

    assert len({row["service"] for row in rows}) == 3
    assert [row["created_at"] for row in rows] == sorted((row["created_at"] for row in rows), reverse=True)


def test_deployments_are_chosen_by_time_status_number_and_place(prod: Deckwatch) -> None:
    def ids(*arguments: str) -> list[str]:
        return [row["id"] for row in prod("deployments", *arguments, "--json").rows()]

    assert ids("production/api", "--status", "removed") == ["api-2", "api-1"]
    assert ids("production/api", "--since", "2026-08-22T01:00:00Z") == ["api-4", "api-3"]
    assert ids("production/api", "--until", "2026-08-22T01:00:00Z") == ["api-2", "api-1"]
    assert ids("production/api", "--limit", "1") == ["api-4"]
    assert ids("production/api@live") == ["api-3"]
    assert ids("production/api@previous") == ["api-2"]
    assert ids("production/api~3") == ["api-1"]


def test_a_place_in_a_timeline_is_looked_for_on_every_page_of_it(deckwatch: Deckwatch) -> None:
    deckwatch.account(words=["paged"])

    def found(selector: str) -> list[str]:
        return [row["id"] for row in deckwatch("deployments", f"production/api{selector}", "--json").rows()]

    assert [found(each) for each in ("@latest", "@live", "@previous", "~3")] == [
        ["api-4"], ["api-3"], ["api-2"], ["api-1"],
    ]  # fmt: skip
    beyond = deckwatch("deployments", "production/api~4")
    assert (beyond.code, "has only 4 deployments" in beyond.err) == (2, True)
    assert "deployment  api-2  removed" in deckwatch("act", "rollback", "production/api").err


def _ids(ended: Ended) -> list[str]:
    return [row["id"] for row in ended.rows()]


def test_deployments_are_read_back_over_pages_as_far_as_asked(deckwatch: Deckwatch) -> None:
    deckwatch.account(words=["paged"])

    assert _ids(deckwatch("deployments", "production/api", "--since", "2026-08-20T00:00:00Z", "--json")) == [
        "api-4", "api-3", "api-2", "api-1",
    ]  # fmt: skip
    ended = deckwatch("deployments", "production/api", "--since", "2026-08-22T01:15:00Z", "--json")
    assert _ids(ended) == ["api-4", "api-3"], "made before that, and live after it"
    assert (ended.code, ended.err) == (0, "")
    assert _ids(deckwatch("deployments", "production/api", "--limit", "3", "--json")) == ["api-4", "api-3", "api-2"]
    nothing = deckwatch("deployments", "--since", "-1s")
    assert (nothing.code, nothing.out, nothing.err) == (0, "", "deckwatch: no deployments match.\n")


def test_a_deployment_without_a_time_is_listed_last_and_that_is_said(deckwatch: Deckwatch) -> None:
    deckwatch.account(words=["timeless"])

    ended = deckwatch("deployments", "--since", "2026-08-01T00:00:00Z", "--json")

    assert _ids(ended)[-1] == "w-0"
    assert (ended.code, ended.err) == (0, "deckwatch: the platform gives no time of the last 1.\n")


def test_what_cannot_be_read_of_one_service_or_account_hides_nothing_else(deckwatch: Deckwatch) -> None:
    deckwatch.account(words=["closed"])
    deckwatch.account("team", ["down-later"])
    deckwatch.account("torn", ["paged", "torn"])

    ended = deckwatch("deployments", "--limit", "100", "--json")

    assert ended.code == 1
    assert {row["service"].partition("/")[0] for row in ended.rows()} >= {"prod", "torn"}
    torn = [row["id"] for row in ended.rows() if row["service"] == "torn/shop/production/api"]
    assert torn == ["api-4", "api-3"], "what came before the error"
    assert "prod/shop/production/worker: This token may not read deployments." in ended.err
    assert ended.err.count("team (Story): Story does not answer any more.") == 1


def test_two_matches_of_a_target_are_listed_and_end_with_2(prod: Deckwatch) -> None:
    ended = prod("deployments", "api")

    assert (ended.code, ended.out) == (2, "")
    assert "prod/shop/production/api" in ended.err
    assert "prod/shop/staging/api" in ended.err


def test_logs_as_json_have_the_promised_keys(prod: Deckwatch) -> None:
    rows = prod("logs", "production/api", "--json").rows()

    assert all(set(row) == LINE for row in rows[:-1])
    assert (rows[0]["text"], rows[0]["level"], rows[0]["kind"]) == ("api line 0", "info", "runtime")
    assert (rows[0]["at"], rows[0]["attributes"]) == ("2026-08-22T02:14:07Z", {"n": "0"})
    assert (rows[-1]["type"], rows[-1]["lines"]) == ("gap", 7)
    requests = prod("logs", "production/api", "--kind", "http", "--json").rows()
    assert [set(row) for row in requests] == [REQUEST]


def test_logs_of_several_services_are_one_stream_by_time_that_says_whose_a_line_is(prod: Deckwatch) -> None:
    ended = prod("logs", "worker", "production/api")

    assert [line.split()[2] for line in ended.out.splitlines()] == ["api", "worker"] * 4
    assert ended.out.splitlines()[0] == "2026-08-22 02:14:07.000 api I api line 0"
    assert "worker: 7 lines are missing here: the platform dropped them" in ended.err


def test_log_lines_are_sifted_by_level_and_expression(prod: Deckwatch) -> None:
    def out(*arguments: str) -> list[str]:
        return [line.split(" ", 2)[2] for line in prod("logs", "production/api", *arguments).out.splitlines()]

    assert out("--level", "error") == ["E api line 1", "E api line 3"]
    assert out("--grep", "line [01] n=") == ["I api line 0", "E api line 1"]
    assert out("--kind", "http", "--level", "error") == ["502 GET /cart 31ms 10.0.0.1"]
    assert prod("logs", "production/api", "--grep", "(").code == 2


def test_log_lines_are_filtered_by_one_language_for_all_options(prod: Deckwatch) -> None:
    def out(*arguments: str) -> list[str]:
        return [line.split(" ", 2)[2] for line in prod("logs", "production/api", *arguments).out.splitlines()]

    assert out("--filter", "level:error -@n:3") == ["E api line 1"]
    assert out("--filter", "level:error", "--filter", "/line [23]/") == ["E api line 3"]
    assert out("--filter", "@n>=1 service:api", "--level", "error", "--grep", "a/?pi") == [
        "E api line 1",
        "E api line 3",
    ]
    assert out("--until", "2026-08-22T02:14:08Z") == ["I api line 0", "E api line 1"]
    assert out("--filter", "since:2026-08-22T02:14:09Z") == ["I api line 2", "E api line 3"]
    assert out("--kind", "http", "--filter", "status:5xx path:/cart duration>30ms method:get") == [
        "502 GET /cart 31ms 10.0.0.1"
    ]


def test_lines_around_those_that_hold_are_shown_and_groups_are_parted(prod: Deckwatch) -> None:
    def out(*arguments: str) -> list[str]:
        return [line.partition("line ")[2] or line for line in prod("logs", *arguments).out.splitlines()]

    assert out("production/api", "--filter", "@n:2", "-C", "1") == ["1", "2", "3"]
    assert out("production/api", "--filter", "@n:2 context:1") == ["1", "2", "3"]
    assert out("production/api", "worker", "--grep", "api line 0|worker line 3", "-C1") == ["0", "0", "--", "3", "3"]
    assert len(prod("logs", "production/api", "worker", "--grep", "line 0", "-C", "1", "--json").rows()) == 5


def test_a_mistake_in_a_filter_is_pointed_at(prod: Deckwatch) -> None:
    ended = prod("logs", "production/api", "--filter", "api level>=wrn")

    assert (ended.code, ended.out) == (2, "")
    said = ended.err.splitlines()
    assert "There is no level 'wrn'. There are: trace, debug, info, warn, error, fatal." in ended.err
    assert said[-2].index("level") == said[-1].index("^")
    both = prod("logs", "production/api", "-f", "--until", "1h")
    assert (both.code, "is not followed" in both.err) == (2, True)


def test_an_expression_that_backtracks_ends_the_command_with_a_sentence(prod: Deckwatch) -> None:
    ended = prod("logs", "production/api", "--grep", ".*?" * 40 + "(y|z)")

    assert (ended.code, ended.out) == (2, "")
    assert "this expression backtracks: given up after 50 ms" in ended.err


def test_where_the_platform_searches_the_tail_is_of_what_holds(deckwatch: Deckwatch) -> None:
    arguments = ("logs", "production/api", "--filter", '"line 1"', "--tail", "2")
    deckwatch.account("prod", ["searches"])
    assert "api line 1" in deckwatch(*arguments).out
    deckwatch.config.unlink()
    deckwatch.account("prod")
    assert deckwatch(*arguments).out == ""


def test_the_help_of_logs_explains_the_filter(deckwatch: Deckwatch) -> None:
    said = deckwatch("logs", "--help").out

    assert "status:5xx, status:502, status:500..503" in said
    assert "  -healthz " in said


def test_followed_logs_are_merged_and_none_of_their_lines_is_lost(prod: Deckwatch) -> None:
    ended = prod("logs", "production/api", "worker", "-f")

    said = sorted(line.split(" ", 2)[2] for line in ended.out.splitlines()[8:])
    assert said == sorted(f"{name} I new {number}" for name in ("api", "worker") for number in range(3))


def test_a_reader_that_leaves_a_quiet_followed_log_ends_it_quietly(deckwatch: Deckwatch) -> None:
    deckwatch.account("prod", ["endless"])
    for targets in (["production/api"], ["production/api", "worker"]):
        with subprocess.Popen(
            [sys.executable, "-m", "tui", "logs", *targets, "-f"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=deckwatch.env,
        ) as child:
            assert child.stdout is not None
            assert child.stderr is not None
            while b"new 2" not in child.stdout.readline():
                pass
            child.stdout.close()
            words = child.stderr.read()
            assert (child.wait(timeout=60), b"Traceback" in words, b"Broken" in words) == (0, False, False)


def test_a_followed_log_goes_on_after_a_break_and_says_so(prod: Deckwatch) -> None:
    ended = prod("logs", "production/api", "-f")

    texts = [line.split(" ", 3)[3] for line in ended.out.splitlines()]
    assert texts == ["api line 0", "api line 1", "api line 2", "api line 3", "new 0", "new 1", "new 2"]
    assert "api: the log broke off: The line was cut. Trying again in" in ended.err
    assert "api: the log goes on after" in ended.err
    assert "api: deployment api-4 speaks from here." in ended.err


def test_a_log_the_platform_does_not_have_is_refused_with_what_to_do_instead(prod: Deckwatch) -> None:
    ended = prod("logs", "production/api", "--kind", "build")

    assert (ended.code, ended.err) == (3, "deckwatch: Story has no build log. Look at its web page.\n")


def test_a_log_that_may_not_be_read_is_a_fault_of_its_account(deckwatch: Deckwatch) -> None:
    deckwatch.account("prod", ["secret-logs"])

    ended = deckwatch("logs", "production/api", "-f")

    assert (ended.code, ended.err) == (1, "deckwatch: prod (Story): This token may not read logs.\n")


def test_check_tells_the_credential_what_it_may_and_what_is_left(prod: Deckwatch) -> None:
    prod.account("team", ["down"], "read_only = true\n")
    prod.account("look", [], "read_only = true\n")

    ended = prod("check", "--json")

    good, down, look = ended.rows()
    assert ended.code == 1
    assert all(set(row) == CHECK for row in (good, down, look))
    assert (good["ok"], good["credential"], good["problems"]) == (
        True,
        "story token: three services",
        ["It expires soon."],
    )
    assert (good["verbs"]["redeploy"], good["verbs"]["stop"]) == (True, "not with this token")
    assert good["log_kinds"] == {
        "build": "Story has no build log. Look at its web page.",
        "runtime": True,
        "http": True,
    }
    assert (good["budget"]["limit"], good["budget"]["remaining"]) == (1000, 877)
    assert (down["ok"], down["credential"]) == (False, None)
    assert down["problems"] == ["Story does not answer. Look at its status page."]
    assert True not in look["verbs"].values()


def test_check_says_how_far_the_platforms_clock_is_from_ours(deckwatch: Deckwatch) -> None:
    deckwatch.account("prod", ["slow-clock"])
    deckwatch.account("other", [])

    told = deckwatch("check").out
    slow, silent = deckwatch("check", "--json").rows()

    assert "  clock       42 s behind this machine's: ages and times of its things go by it" in told
    assert "  clock       not known: no answer said what time it is there" in told
    assert (slow["clock_skew_s"], silent["clock_skew_s"]) == (-42.5, None)


def test_check_puts_every_verb_and_log_of_the_accounts_side_by_side(prod: Deckwatch) -> None:
    prod.account("other", [])

    lines = prod("check").out.splitlines()

    header = next(line for line in lines if line.split() == ["prod", "other"])
    table = {line[: header.index("prod")].strip(): line.split()[-2:] for line in lines[lines.index(header) + 1 :]}
    assert table["redeploy"] == ["yes", "yes"]
    assert table["stop"] == ["no", "no"]
    assert table["start"] == ["-", "-"]
    assert table["build log"] == ["-", "-"]
    assert table["runtime log"] == ["yes", "yes"]


@pytest.mark.parametrize("deployment", ["production/api@live", "api-3"])
def test_changes_tell_what_a_deployment_brought(prod: Deckwatch, deployment: str) -> None:
    ended = prod("changes", deployment, "--json")

    assert ended.code == 0, ended.err
    change, end = ended.rows()
    assert set(change) == {"type", "deployment", "kind", "id", "title", "author", "at", "url"}
    assert (change["type"], change["kind"], change["title"]) == ("change", "commit", "feat: the cart")
    assert set(end) == {"type", "deployment", "count", "compare_url", "note"}
    assert (end["type"], end["count"], end["deployment"]) == ("changes", 1, "api-3")
    assert "feat: the cart" in prod("changes", deployment).out


def test_changes_of_a_deployment_nobody_knows_end_with_2(prod: Deckwatch) -> None:
    ended = prod("changes", "api-99")
    assert (ended.code, ended.out) == (2, "")
    assert "No deployment is named 'api-99'." in ended.err


def test_a_reader_that_has_enough_ends_the_command_quietly(prod: Deckwatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)

    done = subprocess.run(
        [sys.executable, "-m", "tui", "services", "--json"],
        stdout=writing,
        stderr=subprocess.PIPE,
        env=prod.env,
        timeout=60,
        check=False,
    )
    os.close(writing)

    assert (done.returncode, done.stderr) == (0, b"")


def test_ctrl_c_ends_a_followed_log_with_130_and_no_traceback(deckwatch: Deckwatch) -> None:
    deckwatch.account("prod", ["endless"])
    with subprocess.Popen(
        [sys.executable, "-m", "tui", "logs", "production/api", "-f"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=deckwatch.env,
    ) as child:
        assert child.stdout is not None
        while b"new 2" not in child.stdout.readline():
            pass
        child.send_signal(signal.SIGINT)
        _, words = child.communicate(timeout=60)

    assert child.returncode == 130
    assert b"Traceback" not in words


def test_without_an_account_the_way_to_one_is_told(deckwatch: Deckwatch) -> None:
    ended = deckwatch("services")

    assert (ended.code, ended.out) == (2, "")
    assert "deckwatch config init" in ended.err
    assert "deckwatch demo" in ended.err
