"""Dumps of real cards and of other readers' test cards: everything those readers print is found in them."""

from __future__ import annotations

from typing import Any

import pytest

from terminals.card.describe import describe_card
from terminals.readers.memory import MemoryTransport
from tests.terminals.card.replay import DUMPS, ReplayCard, dump

HOW: list[dict[str, Any]] = [
    {"refusal": "6A82"},
    {"refusal": "6D00"},
    {"refusal": "6700"},
    {"refusal": "6A86"},
    {"refusal": "6A82", "tolerant": True},
]


def covers(shown: Any, expected: Any) -> bool:
    """Everything expected is there; a description may say more."""
    if isinstance(expected, dict):
        return isinstance(shown, dict) and all(covers(shown[name], value) for name, value in expected.items())
    if isinstance(expected, list):
        return len(shown) == len(expected) and all(map(covers, shown, expected))
    return bool(shown == expected)


@pytest.mark.parametrize("how", HOW, ids=lambda how: "-".join(map(str, how.values())))
@pytest.mark.parametrize("name", DUMPS)
def test_a_dump_shows_what_its_own_reader_shows(name: str, how: dict[str, Any]) -> None:
    shown = describe_card(MemoryTransport(dump(name, **how)))
    expected = DUMPS[name]["expected"]
    assert covers(shown, expected), {part: shown[part] for part in expected}


@pytest.mark.parametrize("name", DUMPS)
def test_nothing_but_reads_is_sent(name: str) -> None:
    card = dump(name)
    describe_card(MemoryTransport(card))
    assert {apdu[:4] for apdu in card.asked} <= {"00A4", "00B0", "00B2", "805C"}
    assert len(card.asked) < 60


@pytest.mark.parametrize("length", [9, 23])
def test_an_answer_cut_short_is_shown_raw_and_the_rest_goes_on(length: int) -> None:
    answers = dict(DUMPS["t-union-trip"]["answers"])
    record = answers["00B201C400"][: 2 * length] + "9000"
    shown = describe_card(MemoryTransport(ReplayCard(answers | {"00B201C400": record})))
    assert ("raw" in shown["log"][0]) is (length == 9)
    assert shown["trips"][0]["amount_fen"] == 500
