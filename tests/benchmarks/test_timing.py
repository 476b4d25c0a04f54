"""Figures and ratios of the harness."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.timing import Result, Rounds


def test_ratios_are_taken_round_by_round() -> None:
    rounds = Rounds()
    for ours, raw in ((10, 100), (30, 100), (20, 400)):
        rounds.add("ours", ours)
        rounds.add("raw", raw)
    result = Result("x", "X", {}, rounds.figures())
    result.ratio("ours / raw", "ours", "raw")
    # Not 20 / 100, the ratio of the medians.
    assert result.ratios["ours / raw"].to_dict() == {"median": 0.1, "min": 0.05, "max": 0.3, "unit": "×"}


def test_a_wrong_answer_ends_the_benchmark() -> None:
    result = Result("x", "X", {})
    result.check("right", True)
    with pytest.raises(SystemExit, match="x: wrong answer: totals"):
        result.check("totals", False)
    assert result.checks == ["right"]


def test_every_round_must_have_every_figure() -> None:
    rounds = Rounds()
    rounds.add("ours", 1)
    rounds.add("raw", 1)
    rounds.add("raw", 1)
    result = Result("x", "X", {}, rounds.figures())
    with pytest.raises(ValueError, match="zip"):
        result.ratio("ours / raw", "ours", "raw")


def test_contestants_take_turns_forth_and_back() -> None:
    order: list[str] = []

    def contestant(name: str, rates: list[float]) -> Callable[[int], float]:
        def turn(times: int) -> float:
            order.append(f"{name}{times}")
            return rates.pop(0)

        return turn

    rounds = Rounds()
    rounds.in_turns({"a": contestant("a", [5, 10]), "b": contestant("b", [10, 10])}, times=20, turns=2)

    assert order == ["a10", "b10", "b10", "a10"]
    # Ten in two seconds and ten in one: the seconds add up, not the rates.
    assert rounds.figures()["a"].values == (20 / 3,)
    assert rounds.figures()["b"].values == (10,)
