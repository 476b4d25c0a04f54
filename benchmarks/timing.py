"""Measured figures: medians over interleaved rounds, and ratios taken round by round."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True)
class Spread:
    """One figure over all rounds."""

    values: tuple[float, ...]
    unit: str = "×"

    @property
    def median(self) -> float:
        """The middle value."""
        return median(self.values)

    def to_dict(self) -> dict[str, float | str]:
        """Median and extremes."""
        return {"median": self.median, "min": min(self.values), "max": max(self.values), "unit": self.unit}


@dataclass
class Result:
    """What one benchmark found; `checks` names what was proved equal, `notes` what could not be measured."""

    name: str
    title: str
    size: Mapping[str, int]
    figures: dict[str, Spread] = field(default_factory=dict)
    ratios: dict[str, Spread] = field(default_factory=dict)
    checks: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def ratio(self, name: str, above: str, below: str) -> None:
        """Add the ratio of two figures, round by round."""
        pairs = zip(self.figures[above].values, self.figures[below].values, strict=True)
        self.ratios[name] = Spread(tuple(a / b for a, b in pairs))

    def check(self, what: str, holds: bool) -> None:
        """A fast wrong answer is worth nothing: the benchmark fails when `what` does not hold."""
        if not holds:
            raise SystemExit(f"{self.name}: wrong answer: {what}")
        if what not in self.checks:
            self.checks.append(what)

    def to_dict(self) -> dict[str, object]:
        """For results.json."""
        return {
            "title": self.title,
            "size": dict(self.size),
            "figures": {name: spread.to_dict() for name, spread in self.figures.items()},
            "ratios": {name: spread.to_dict() for name, spread in self.ratios.items()},
            "checks": self.checks,
            "notes": self.notes,
        }


class Rounds:
    """Collects figures round by round."""

    def __init__(self) -> None:
        self._values: dict[str, list[float]] = {}
        self._units: dict[str, str] = {}

    def add(self, name: str, value: float, unit: str = "/s") -> None:
        """One round's figure."""
        self._values.setdefault(name, []).append(value)
        self._units[name] = unit

    def timed(self, name: str, work: Callable[[], object]) -> None:
        """The seconds `work` takes."""
        began = time.perf_counter()
        work()
        self.add(name, time.perf_counter() - began, "s")

    def figures(self) -> dict[str, Spread]:
        """All figures."""
        return {name: Spread(tuple(values), self._units[name]) for name, values in self._values.items()}

    def in_turns(self, rates: Mapping[str, Callable[[int], float]], times: int, turns: int) -> None:
        """One round of several contestants in short turns, forth and back, so that what disturbs one disturbs all.

        Each does its work so many times in all and answers with its rate per second for a turn.
        """
        seconds = dict.fromkeys(rates, 0.0)
        for turn in range(turns):
            for name in sorted(rates, reverse=turn % 2 == 1):
                seconds[name] += times / turns / rates[name](times // turns)
        for name, spent in seconds.items():
            self.add(name, times / spent)
