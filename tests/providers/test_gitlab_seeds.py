"""The rows that GitLab's own pages show, new and old, decode: what the contract says of them comes out."""

from __future__ import annotations

import re

import msgspec
import pytest

from tests.shared import SEEDS as FOLDER
from tui.model.entities import Kind, Ref
from tui.model.status import Status
from tui.providers.gitlab import decode
from tui.providers.gitlab.decode import Place
from tui.providers.gitlab.wire import ApprovalRow, DeploymentRow

SEEDS = {each.name[:3]: each for each in FOLDER.glob("00[14]_*.txt")}
PLACE = Place(Ref("work", Kind.SERVICE, "7:9"), "https://gitlab.example.com/acme/api", live=42)

pytestmark = pytest.mark.skipif(
    len(SEEDS) < 2, reason="the seed pages beside the contracts (DECKWATCH_CONTRACTS) are not here"
)


def blocks(seed: str) -> list[bytes]:
    """The page's JSON. One example lacks a comma, and some say "..." for what they leave out."""
    text = re.sub(r"\.\.\.(?=\s*})", "", SEEDS[seed].read_text("utf-8"))
    text = re.sub(r",(\s*})", r"\1", text.replace('"\n    }\n    "runner"', '"\n    },\n    "runner"'))
    found = []
    position = 0
    decoder = msgspec.json.Decoder()
    for opening in re.finditer(r"^[\[{]", text, re.MULTILINE):
        if opening.start() < position:
            continue
        closing = re.compile(r"^[\]}]", re.MULTILINE).search(text, opening.start())
        if closing is None:
            continue
        block = text[opening.start() : closing.end()].encode()
        try:
            decoder.decode(block)
        except msgspec.DecodeError:
            continue
        position = closing.end()
        found.append(block)
    return found


def rows(seed: str) -> list[DeploymentRow]:
    shown = [msgspec.json.decode(block) for block in blocks(seed)]
    each = [one for block in shown for one in (block if isinstance(block, list) else [block])]
    return [msgspec.convert(one, DeploymentRow) for one in each if "sha" in one]


@pytest.mark.parametrize(("seed", "count"), [("001", 5), ("004", 5)])
def test_every_deployment_of_the_page_decodes(seed: str, count: int) -> None:
    found = rows(seed)
    assert len(found) == count
    for row in found:
        shown = decode.deployment(row, PLACE, whole=False)
        assert shown.revision is not None
        assert len(shown.revision.short) == 7
        assert shown.created_at is not None


def test_the_old_page_has_no_status_and_it_comes_from_the_job() -> None:
    old = [row for row in rows("004") if row.deployable is not None]
    assert {row.status for row in old} == {None}
    assert {decode.deployment(row, PLACE, whole=False).status for row in old} == {Status.LIVE, Status.SUPERSEDED}


def test_the_approvals_of_the_new_page() -> None:
    shown = [msgspec.json.decode(block) for block in blocks("001")]
    summary = next(each for each in shown if isinstance(each, dict) and "approval_summary" in each)
    row = msgspec.convert({"id": 1, "status": "blocked", **summary}, DeploymentRow)
    assert [(rule.who, rule.required, rule.missing) for rule in decode.approvals(row)] == [
        ("qa-group", 1, 1),
        ("security-group", 2, 1),
    ]
    answer = next(each for each in shown if isinstance(each, dict) and "comment" in each)
    assert msgspec.convert(answer, ApprovalRow).comment == "Looks good to me"
