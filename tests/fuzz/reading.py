"""A card that answers anything at all, read by everything that reads strangers' cards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from terminals.card.crypto import TransactionType
from terminals.card.describe import describe_card
from terminals.card.eid import CHALLENGE_BYTES, EidSession
from terminals.card.errors import CardError
from terminals.card.files import EF1A
from terminals.card.purse import PurseSession
from terminals.card.sam import SamSession
from terminals.readers.memory import MemoryTransport
from tests.fuzz.target import Target, hold
from tests.terminals.cards import WHEN, card_spec, issued_chip, issued_psam

STATUS: Final = (
    0x9000,
    0x6A82,
    0x6A83,
    0x6700,
    0x6283,
    0x6982,
    0x6985,
    0x6110,
    0x6C10,
    0x6282,
    0x63C1,
    0x9401,
)
EXCHANGES_MAX: Final = 3_000
"""More than any reader should ever need for one card."""


class FuzzCard:
    """Answers each command with the next bytes of the input: status1 | length1 | data, and with silence after them."""

    def __init__(self, data: bytes) -> None:
        self._rest = data
        self._exchanges = 0

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        self._exchanges += 1
        hold("reading a card comes to an end", self._exchanges <= EXCHANGES_MAX)
        if len(self._rest) < 2:
            return b"", 0x6A82
        (status, length), rest = self._rest[:2], self._rest[2:]
        self._rest = rest[length:]
        return rest[:length], STATUS[status % len(STATUS)] if status < 0xF0 else int.from_bytes(
            rest[:2].rjust(2, b"\x6f")
        )

    def reset(self) -> bytes:
        return b";"

    def close(self) -> None:
        """Nothing to let go."""


class _Listening(MemoryTransport):
    """Keeps what a chip answers, in the form FuzzCard takes."""

    def __init__(self, chip: object) -> None:
        super().__init__(chip)  # type: ignore[arg-type]
        self.heard = b""

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        data, sw = super().transmit(apdu)
        known = STATUS.index(sw) if sw in STATUS else 1
        self.heard += bytes([known, len(data) & 0xFF]) + data[:255]
        return data, sw


def describe(data: bytes) -> None:
    """`readcard` on a stranger's card: values for JSON or a typed error."""
    json.dumps(describe_card(FuzzCard(data)))


def converse(data: bytes) -> None:
    """A terminal between a card and a SAM that both answer anything."""
    purse, sam = PurseSession(FuzzCard(data)), SamSession(FuzzCard(data[::-1]))
    for step in (
        purse.select,
        purse.public_info,
        purse.holder,
        purse.management_info,
        purse.balance_fen,
        purse.log,
        purse.trips,
        lambda: purse.record(EF1A, 0x27),
        lambda: purse.verify_pin("123456"),
        lambda: purse.init_load(100, bytes(6)),
        lambda: purse.credit_for_load(WHEN, bytes(4)),
        lambda: purse.init_purchase(100, bytes(6)),
        lambda: purse.debit_for_purchase(1, WHEN, bytes(4)),
        lambda: purse.transaction_prove(TransactionType.PURCHASE, 1),
        sam.open,
        lambda: sam.credit(bytes(4)),
        lambda: EidSession(FuzzCard(data)).prove(bytes(CHALLENGE_BYTES)),
        lambda: EidSession(FuzzCard(data)).public_key(),
    ):
        with suppress(CardError):
            step()


def _described() -> Iterator[bytes]:
    for chip in (issued_chip(), issued_chip(card_spec(balance_fen=500, application_type=3))):
        transport = _Listening(chip)
        describe_card(transport)
        yield transport.heard


def _conversed() -> Iterator[bytes]:
    card, sam = _Listening(issued_chip()), _Listening(issued_psam())
    session = PurseSession(card)
    session.select()
    session.balance_fen()
    session.log()
    SamSession(sam).open()
    yield card.heard
    yield sam.heard[::-1]


READING: Final = (
    Target("describe", describe, _described, (CardError,)),
    Target("sessions", converse, _conversed),
)
