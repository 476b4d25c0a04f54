"""Charts as SVG drawn on the server: no script, prints as it looks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

WIDTH: Final = 700
HEIGHT: Final = 120
BARS_MAX: Final = 40
"""More would be thinner than their names."""
_NAME_MAX: Final = 5


@dataclass(frozen=True)
class Column:
    """One day: geometry in the SVG's units and the counts behind it."""

    day: date
    x: int
    middle: int
    width: int
    accepted_y: int
    accepted_height: int
    other_y: int
    other_height: int
    accepted: int
    other: int


def day_columns(days: list[tuple[date, dict[str, int]]]) -> list[Column]:
    """Columns for (day, counts by outcome), oldest first; the highest day fills the height."""
    totals = [sum(counts.values()) for _day, counts in days]
    if not any(totals):
        return []
    step = WIDTH // max(len(days), 7)
    return [_column(index, step, max(totals), day, counts) for index, (day, counts) in enumerate(days)]


def _column(index: int, step: int, highest: int, day: date, counts: dict[str, int]) -> Column:
    accepted = counts["accepted"]
    other = sum(counts.values()) - accepted
    accepted_height = round(HEIGHT * accepted / highest)
    other_height = max(2, round(HEIGHT * other / highest)) if other else 0
    width = min(step - 8, 56)
    return Column(
        day=day,
        x=index * step + (step - width) // 2,
        middle=index * step + step // 2,
        width=width,
        accepted_y=HEIGHT - accepted_height,
        accepted_height=accepted_height,
        other_y=max(0, HEIGHT - accepted_height - other_height),
        other_height=other_height,
        accepted=accepted,
        other=other,
    )


@dataclass(frozen=True)
class Bar:
    """One value, its name as long as there is room for it, and where it stands; below zero it has no height."""

    name: str
    short: str
    amount_fen: int
    x: int
    middle: int
    width: int
    y: int
    height: int


def bars(values: list[tuple[str, int]]) -> list[Bar]:
    """Bars for (name, fen), in that order; the highest fills the height. Nothing where there is nothing to compare."""
    highest = max((amount for _name, amount in values), default=0)
    if highest <= 0 or len(values) > BARS_MAX:
        return []
    step = WIDTH // max(len(values), 7)
    return [_bar(index, step, highest, name, amount) for index, (name, amount) in enumerate(values)]


def _bar(index: int, step: int, highest: int, name: str, amount_fen: int) -> Bar:
    height = max(0, HEIGHT * amount_fen // highest)
    width = max(4, min(step - 8, 56))
    return Bar(
        name=name,
        # Of a date the day is enough.
        short=name[-2:] if len(name) == 10 and name[4] == "-" else name[:_NAME_MAX],
        amount_fen=amount_fen,
        x=index * step + (step - width) // 2,
        middle=index * step + step // 2,
        width=width,
        y=HEIGHT - height,
        height=height,
    )
