"""Where the data beside the repository lies: wire contracts, failed inputs, public corpora. None of it is committed.

`DECKWATCH_CONTRACTS` names the folder of the contracts; its neighbours are found beside it. Tests that need one skip
with the reason where it is absent.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

CONTRACTS = Path(os.environ.get("DECKWATCH_CONTRACTS") or Path(__file__).parents[2] / "shared" / "contracts")
CASES = CONTRACTS.parent / "cases"
CORPORA = CONTRACTS.parent / "corpora"
SEEDS = CONTRACTS.parent / "seeds"

needs_contracts = pytest.mark.skipif(not CONTRACTS.is_dir(), reason="no contracts here (set DECKWATCH_CONTRACTS)")
needs_cases = pytest.mark.skipif(not CASES.is_dir(), reason="no cases beside the contracts (set DECKWATCH_CONTRACTS)")
needs_corpora = pytest.mark.skipif(not CORPORA.is_dir(), reason="no corpora beside the contracts (DECKWATCH_CONTRACTS)")
