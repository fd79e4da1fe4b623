"""handover: the document on stdout, and another person's taken in."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Deckwatch
from tests.demo_process import DemoProcess
from tui.engine.notes import Notes
from tui.model.log import LogKind

BEGIN = "2026-08-22T00:00:00Z"  # of the story's day


def noted(path: Path, user: str) -> Notes:
    notes = Notes(path, user=user)
    notes.add_mark("prod/shop/production/api", "api-4", LogKind.RUNTIME, None, "api line 1", "the first one")
    notes.acknowledge("failed:api-4", "the rollout failed")
    return notes


def test_the_document_tells_what_is_open_what_was_done_and_what_was_noted(deckwatch: Deckwatch) -> None:
    deckwatch.account("prod")
    deckwatch.account("team", ["down"])
    deckwatch("act", "redeploy", "prod/shop/production/api", "--yes", "--reason", "hunting password=swordfish")
    noted(deckwatch.state / "notes.jsonl", "ann")

    ended = deckwatch("handover", "--since", BEGIN)

    assert ended.code == 1, ended.err
    assert ended.out.startswith("# Hand-over: 2026-08-22 00:00 to ")
    for text in (
        "| **`crashed`** | `prod/shop/production/worker` |",
        "**✗ failed**",
        "feat: the cart",
        "| `redeploy` | `prod/shop/production/api` |",
        "`hunting password=***(password)`",
        "**`the first one`** by `ann`",
        "- `team (Story): Story does not answer. Look at its status page.`",
        "| 1 | 100% | 31 ms |",
        "```deckwatch-notes\n{",
    ):
        assert text in ended.out, text
    assert "swordfish" not in ended.out
    assert "team (Story)" in ended.err


def test_another_persons_hand_over_is_loaded_once(deckwatch: Deckwatch, tmp_path: Path) -> None:
    deckwatch.account("prod")
    theirs = tmp_path / "theirs.jsonl"
    marks = noted(theirs, "bob").marks()

    first, again = deckwatch("handover", "--load", str(theirs)), deckwatch("handover", "--load", str(theirs))

    assert (first.code, first.out, first.err) == (0, "", "deckwatch: 2 of 2 notes are new.\n")
    assert again.err == "deckwatch: 0 of 2 notes are new.\n"
    assert Notes(deckwatch.state / "notes.jsonl").marks() == marks
    handed = deckwatch("handover", "--since", BEGIN)
    assert "**`the first one`** by `bob`" in handed.out


def test_what_is_no_hand_over_and_what_makes_no_span_end_with_2(deckwatch: Deckwatch, tmp_path: Path) -> None:
    letter = tmp_path / "letter.md"
    letter.write_text("# Dear all\n")
    for arguments, words in (
        (["--load", str(letter)], "It holds no notes"),
        (["--load", str(tmp_path / "none.md")], "No such file"),
        (["--load", str(letter), "--since", "8h"], "leave out --since"),
        (["--since", "1h", "--until", "2h"], "--until is before --since"),
        (["--since", "yesterday"], "is not a time"),
    ):
        ended = deckwatch("handover", *arguments)
        assert (ended.code, ended.out) == (2, ""), arguments
        assert words in ended.err


def test_over_the_wire_every_platform_is_told_and_no_token(deckwatch: Deckwatch) -> None:
    with DemoProcess(home=deckwatch.home, platforms="railway,gitlab,cloud66,dokploy") as world:
        secrets = [each.read_text().strip() for each in Path(world.config).parent.glob("*.token")]
        ended = deckwatch("handover", "--since", "2h", "--config", world.config)

    assert ended.code == 0, ended.err
    assert len(secrets) == 4
    assert not any(secret in ended.out for secret in secrets)
    for account in ("railway", "gitlab", "cloud66", "dokploy"):
        assert f"`{account}/" in ended.out
    assert "✗ failed" in ended.out
    assert " ms | " in ended.out
    assert "platform/vault is left out" in ended.out
