"""How a statement's fee comes about, band by band, so that anybody can work it out again."""

from __future__ import annotations

from dataclasses import dataclass

from settlement.models import Contract, Statement


@dataclass(frozen=True, slots=True)
class FeeStep:
    """What of a date's base lies in one band: from `floor` to `ceiling` (None: no end) of the period, `width` of it, at `price`.

    In fen and 1/10,000 where the gross is measured, in transactions and fen each where they are counted.
    """

    floor: int
    ceiling: int | None
    price: int
    width: int


def fee_steps(statement: Statement) -> list[FeeStep]:
    """The bands that the statement's base lies in; none without a contract or a base."""
    contract: Contract | None = statement.contract
    if contract is None:
        return []
    before, after = statement.fee_before, statement.fee_before + statement.fee_base
    bands = list(contract.bands.all())
    steps = []
    for place, band in enumerate(bands):
        ceiling = bands[place + 1].floor if place + 1 < len(bands) else None
        top = after if ceiling is None else min(after, ceiling)
        if (width := top - max(before, band.floor)) > 0:
            steps.append(FeeStep(band.floor, ceiling, band.price, width))
    return steps
