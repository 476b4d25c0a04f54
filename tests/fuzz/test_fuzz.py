"""A short run of every fuzz target, and proof that the fuzzer finds what is planted. `make fuzz` does the long run."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]

pytest.importorskip("atheris", reason="atheris exists for some systems only")
pytestmark = pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="atheris runs on Linux on x86-64"
)


def fuzz(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.fuzz", *words, "--seed", "20261121"]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False)


def test_every_target_holds_for_a_while() -> None:
    """All targets in one process, which starts from their seeds and changes these."""
    done = fuzz("mixed", "--runs", "5000")
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5,000 inputs" in done.stdout


def test_a_planted_mistake_is_found() -> None:
    """Five bytes must be right for it: luck would need a million million inputs, coverage a few hundred thousand."""
    done = fuzz("planted", "--runs", "3000000")
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stdout
    assert "input: 6fa59f0c1e" in done.stdout


def test_recorded_dialogues_are_good_once_more() -> None:
    """The chips' seeds reach what lies behind right MACs: a chip personalised, money moved, a trip written."""
    from terminals.simulator.chip import Chip
    from terminals.simulator.state import CardState, Phase
    from tests.fuzz.chips import card_seeds, check_card, hail

    ends: list[CardState] = []
    for seed in card_seeds():
        states: list[CardState] = []

        def watch(before: CardState, after: CardState, states: list[CardState] = states) -> None:
            check_card(before, after)
            states.append(after)

        hail(Chip, 0, watch, seed)
        ends.append(states[-1])
    personalised, paid, deposited, ridden = ends
    assert personalised.phase is Phase.ACTIVE
    assert (paid.balance_fen, paid.online_atc, paid.offline_atc) == (5_700, 5, 1)
    assert (deposited.deposit_balance_fen, deposited.deposit_overdraft_limit_fen) == (1_800, 900)
    assert (ridden.balance_fen, len(ridden.trips)) == (4_800, 1)


def test_names_of_the_command_line_are_the_targets() -> None:
    from tests.fuzz.__main__ import BESIDES, NAMES
    from tests.fuzz.targets import TARGETS

    assert sorted((*NAMES, *BESIDES)) == sorted(TARGETS)


def test_one_target_or_all() -> None:
    assert fuzz().returncode == 2
    assert fuzz("tlv", "--all").returncode == 2


def test_damaged_records_are_the_same_side_by_side_and_alone() -> None:
    """`python -m tests.fuzz.records` does a million."""
    from tests.fuzz.records import fuzz as fuzz_records

    tally = fuzz_records(6_000, seed=20261130)
    assert tally.unlike == 0
    assert tally.read > 1_000
    assert tally.refused > 1_000
