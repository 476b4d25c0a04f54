"""A trip says what a fare needs in one of four forms, and nothing else."""

from __future__ import annotations

from calendar import isleap
from datetime import datetime

import pytest
from hypothesis import given

from terminals.wire.errors import RecordError
from terminals.wire.trip import BEIJING, Trip
from tests.terminals.wire.test_record import trips

WHEN = datetime(2026, 3, 2, 11, 30, tzinfo=BEIJING)
TOLD = [
    ("", Trip()),
    ("@K1", Trip(line="K1")),
    ("in:0", Trip("in", "0")),
    ("in:S_1.a-b@K1", Trip("in", "S_1.a-b", line="K1")),
    ("out:S07:S02:20260302113000@K1", Trip("out", "S07", "S02", WHEN, line="K1")),
    ("out:S07:?:?", Trip("out", "S07")),
    ("meter:12300:95:20260302113000", Trip("meter", since=WHEN, metres=12_300, waiting_s=95)),
]
WRONG = [
    " ", "in:", "in", "In:S1", "in:S 1", "in:S1 ", "in:" + "x" * 21, "in:湖", "in:S1:", "in:S1@", "in:S1@K1@K2", "@", "K1", "in:S1\n",
    "in:a\nin:b", "in:S1\x00", "out:S1", "out:S1:S2", "out:S1:?:20260302113000", "out:S1:S2:?", "out:S1:S2:2026030211300",
    "out:S1:S2:20260230113000", "out:S1:S2:20250229113000", "out:S1:S2:21000229113000", "out:S1:S2:20260302240000",
    "out:S1:S2:20260302116000", "out:S1:S2:20261302113000", "out:S1:S2:19991231235959", "out:S1:S2:20260302113000:",
    "meter:1:2", "meter:-1:2:20260302113000", "meter:01:2:20260302113000", "meter:10000000:2:20260302113000",
    "meter:1:1000000:20260302113000", "meter:1.5:2:20260302113000", "meter:1:2:?", "through:S1", "?", "in:?",
    f"out:{'x' * 20}:{'y' * 20}:20260302113000@K123", "x" * 65,
]  # fmt: skip


@pytest.mark.parametrize(("text", "trip"), TOLD)
def test_every_form_in_its_parts(text: str, trip: Trip) -> None:
    assert Trip.parse(text) == trip
    assert str(trip) == text


@pytest.mark.parametrize("text", WRONG)
def test_anything_else_is_refused_by_name(text: str) -> None:
    with pytest.raises(RecordError) as refused:
        Trip.parse(text)
    assert refused.value.field == "trip"
    assert refused.value.rule.startswith("must be in:STOP")


def test_the_leap_days_of_a_thousand_years() -> None:
    for year in range(2000, 3000):
        text = f"out:S1:S2:{year}0229000000"
        if isleap(year):
            assert Trip.parse(text).since == datetime(year, 2, 29, tzinfo=BEIJING)
        else:
            with pytest.raises(RecordError):
                Trip.parse(text)


@given(trips)
def test_what_is_written_reads_back(text: str) -> None:
    assert str(Trip.parse(text)) == text
