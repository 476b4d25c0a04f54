"""Two hundred fares worked out by hand, each with its reason; the rows of one card are priced together."""

from __future__ import annotations

import csv
from itertools import groupby
from random import Random

import pytest

from terminals.fares.period import price_rides
from terminals.fares.rides import Ride
from tests.terminals.fares.shelf import BOOK, HERE, at, holder_of

with (HERE / "golden.csv").open(encoding="utf-8", newline="") as stream:
    ROWS = list(csv.DictReader(stream))
CARDS = {card: list(rows) for card, rows in groupby(ROWS, lambda row: row["card"])}


def test_there_are_two_hundred() -> None:
    assert len(ROWS) >= 200
    assert len(CARDS) == len(set(CARDS))


@pytest.mark.parametrize("card", CARDS)
def test_fares_are_as_worked_out_by_hand(card: str) -> None:
    rows = CARDS[card]
    rides = [_ride(place, row) for place, row in enumerate(rows)]
    Random(card).shuffle(rides)
    charges = price_rides(rides, BOOK, holder_of(rows[0]["holder"]))
    got = [(charge.amount_fen, row["why"]) for charge, row in zip(charges, rows, strict=True)]
    assert got == [(int(row["fare"]), row["why"]) for row in rows]


def _ride(place: int, row: dict[str, str]) -> Ride:
    return Ride(
        id=f"{row['card']}-{place}",
        tariff=row["tariff"],
        start=at(row["start"]),
        line=row["line"],
        end=at(row["end"]) if row["end"] else None,
        entry=row["from"],
        leaving=row["to"],
        metres=int(row["metres"] or 0),
        waiting_s=int(row["wait"] or 0),
        amount_fen=int(row["amount"] or 0),
    )
