"""A terminal takes the purse of every family it knows, whoever issued the card."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from terminals.card.profile import CITY_UNION
from terminals.program.memory import Memory
from terminals.program.terminal import Terminal
from terminals.readers.memory import MemoryTransport
from tests.factories import NOON
from tests.terminals import cards
from tests.terminals.program.fares import orders_of

FLAT = orders_of("flat", fare_fen=200)


def test_a_city_union_card_rides_like_any_other(tmp_path: Path) -> None:
    spec = cards.card_spec(balance_fen=1_000)
    number = "3970000000000012"
    info = cards.public_info(number, CITY_UNION)
    chip = cards.issued_chip(replace(spec, public_info=info, profile=CITY_UNION))
    bus = Terminal(sam=MemoryTransport(cards.issued_psam()), memory=Memory.open(tmp_path), orders=FLAT)
    result = bus.tap(MemoryTransport(chip), when=NOON)
    assert (result.ok, result.card_no, result.fare_fen, result.balance_fen) == (True, number, 200, 800)
    assert chip.state.balance_fen == 800
