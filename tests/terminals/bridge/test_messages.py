"""What arrives is checked, whatever it is; what is signed cannot be taken for anything else."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminals.bridge.errors import GarbledMessage
from terminals.bridge.messages import MESSAGE_BYTES_MAX, NAME_MAX, READERS_MAX, Meeting, Message, Slot, pack

PRINTABLE = st.text(st.characters(exclude_categories=("C", "Z")), max_size=NAME_MAX)
SLOTS = st.lists(st.builds(Slot, PRINTABLE, st.none() | st.binary(max_size=33)), max_size=READERS_MAX)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(SLOTS)
def test_readers_survive_the_journey(slots: list[Slot]) -> None:
    text = pack(readers=[slot.to_plain() for slot in slots])
    assert Message.unpack(text).slots("readers") == tuple(slots)


@given(st.binary(min_size=4, max_size=261), st.integers(0, 2**53))
def test_commands_survive_the_journey(apdu: bytes, number: int) -> None:
    message = Message.unpack(pack(id=number, apdu=apdu.hex()).encode())
    assert (message.octets("apdu", 4, 261), message.integer("id", 0, 2**53)) == (apdu, number)


READS: dict[str, Callable[[Message], bool]] = {
    "text": lambda message: len(message.text("field", 5)) <= 5,
    "integer": lambda message: 0 <= message.integer("field", 0, 5) <= 5,
    "octets": lambda message: 1 <= len(message.octets("field", 1, 3)) <= 3,
    "slots": lambda message: len(message.slots("field")) <= READERS_MAX,
}


@given(st.binary(max_size=200) | JSON.map(json.dumps))
def test_anything_else_is_refused_with_one_error(raw: str | bytes) -> None:
    for read in READS.values():
        with suppress(GarbledMessage):
            assert read(Message.unpack(raw))


@pytest.mark.parametrize("kind", READS)
@given(value=JSON)
def test_any_value_in_a_field_fits_it_or_is_refused(kind: str, value: Any) -> None:
    with suppress(GarbledMessage):
        assert READS[kind](Message({"field": value}))


@pytest.mark.parametrize("raw", ["x" * (MESSAGE_BYTES_MAX + 1), "[" * 10_000, b"\xff", "{" * 5_000])
def test_bombs_are_refused(raw: str | bytes) -> None:
    with pytest.raises(GarbledMessage):
        Message.unpack(raw)


def test_an_error_never_tells_the_value() -> None:
    with pytest.raises(GarbledMessage) as caught:
        Message({"apdu": "0020000003123456zz"}).octets("apdu", 4, 261)
    assert "123456" not in str(caught.value)


def test_proofs_differ_in_whatever_they_state() -> None:
    """Neither side's signature serves for the other side, another workstation, server or meeting."""
    nonces = bytes(32), b"\1" * 32
    meetings = [
        Meeting("a", "o", *nonces),
        Meeting("b", "o", *nonces),
        Meeting("a", "p", *nonces),
        Meeting("ao", "", *nonces),
        Meeting("a", "o", nonces[1], nonces[0]),
    ]
    proofs = [proof for each in meetings for proof in (each.agent_proof(), each.hub_proof())]
    assert all(one != other for one, other in combinations(proofs, 2))
