"""What may be asked for, and what is answered to anything else."""

from __future__ import annotations

from typing import Any

import pytest

from citizencard.simulator.faults import RATES, Fault, FaultsWrong, count_of, parse_faults
from citizencard.simulator.wishes import Wish, WishWrong


def test_all_none_and_some_faults() -> None:
    assert parse_faults("none") == {}
    assert parse_faults("all") == RATES
    assert parse_faults("lost=0.25, forged") == {Fault.LOST: 0.25, Fault.FORGED: RATES[Fault.FORGED]}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "no fault ''"),
        ("lots", "no fault 'lots'; known are lost, torn"),
        ("lost=much", "number from 0 to 1"),
        ("lost=-1", "number from 0 to 1"),
        ("lost=1.5", "number from 0 to 1"),
        ("lost=nan", "number from 0 to 1"),
        ("none=1", "no fault 'none'"),
        ("lost=0.3,forged=0.3", "More than 50% of the taps"),
    ],
)
def test_faults_that_cannot_be_read(text: str, sentence: str) -> None:
    with pytest.raises(FaultsWrong, match=sentence):
        parse_faults(text)


def test_every_kind_has_a_rate_and_one_of_it_is_injected_at_least() -> None:
    assert set(RATES) == set(Fault) - {Fault.NONE}
    assert [count_of(rate, 1_000) for rate in (0, 0.0001, 0.25)] == [0, 1, 250]
    assert count_of(0.5, 0) == 0


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"citizens": 0}, "--citizens"),
        ({"citizens": 10**9}, "--citizens"),
        ({"days": 0}, "--days"),
        ({"days": 1_000}, "--days"),
        ({"seed": -1}, "--seed"),
        ({"taps": 0}, "--taps is from 1 to 120"),
        ({"taps": 121}, "--taps is from 1 to 120"),
    ],
)
def test_wishes_that_cannot_be_granted(change: dict[str, Any], sentence: str) -> None:
    wish: dict[str, Any] = {"citizens": 10, "days": 1, "seed": 1, "taps": None, "faults": {}}
    assert Wish.of(**wish).taps == 30
    with pytest.raises(WishWrong, match=sentence):
        Wish.of(**wish | change)
