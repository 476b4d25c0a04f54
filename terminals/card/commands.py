"""Builders of the commands a purse card knows without a key of its issuer (ISO/IEC 7816-4, JR/T 0025.2)."""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum
from typing import Final

from terminals.card.apdu import Command
from terminals.card.errors import FormatError
from terminals.card.messages import DebitData, HostData, InitData, LimitData, UpdateInitData

DEPOSIT: Final = 0x01
"""P2 of the purse commands: electronic deposit (电子存折)."""
PURSE: Final = 0x02
"""P2 of the purse commands: electronic purse (电子钱包)."""


class InitMode(IntEnum):
    """P1 of INITIALIZE: which transaction begins."""

    LOAD = 0x00
    PURCHASE = 0x01
    CASH_WITHDRAW = 0x02
    CAPP_PURCHASE = 0x03
    UPDATE = 0x04
    UNLOAD = 0x05


class RecordMode(IntEnum):
    """Low three bits of P2 of a record command: what P1 means (ISO/IEC 7816-4)."""

    BY_IDENTIFIER = 0x00
    """P1 is the first byte of a variable record."""
    PREVIOUS = 0x03
    """With P1 0 the oldest record of a cyclic file, which a write replaces; some cards take P1 as a number here too."""
    BY_NUMBER = 0x04


class BalancePart(IntEnum):
    """P1 of GET BALANCE; all but STORED are known by T-Union cards only, and public sources disagree on their use."""

    STORED = 0x00
    """Own funds and overdraft limit together."""
    OVERDRAFT_LIMIT = 0x01
    OVERDRAFT_USED = 0x02
    FUNDS = 0x03


class AuthenticateMode(IntEnum):
    """P1 of INTERNAL AUTHENTICATE, what the card does with the challenge (known from one card system only)."""

    ENCRYPT = 0x00
    DECRYPT = 0x01
    MAC = 0x02


def select_file(file_id: int) -> Command:
    """SELECT by file identifier."""
    return Command(0x00, 0xA4, 0x00, 0x00, file_id.to_bytes(2), le=0)


def select_name(name: bytes) -> Command:
    """SELECT by application identifier."""
    return Command(0x00, 0xA4, 0x04, 0x00, name, le=0)


def read_binary(sfi: int, length: int, offset: int = 0) -> Command:
    """READ BINARY of a transparent file by its short identifier."""
    return Command(0x00, 0xB0, 0x80 | sfi, offset, le=length)


def read_record(sfi: int, number: int, length: int) -> Command:
    """READ RECORD by number; in a cyclic file number 1 is the newest."""
    return Command(0x00, 0xB2, number, sfi << 3 | RecordMode.BY_NUMBER, le=length)


def read_record_by_identifier(sfi: int, identifier: int, length: int = 0) -> Command:
    """READ RECORD by the first byte of a variable record; length 0 reads all of it."""
    return Command(0x00, 0xB2, identifier, sfi << 3 | RecordMode.BY_IDENTIFIER, le=length)


def update_binary(sfi: int, content: bytes, offset: int = 0) -> Command:
    """UPDATE BINARY of a file that takes no MAC."""
    return Command(0x00, 0xD6, 0x80 | sfi, offset, content)


def update_record(sfi: int, number: int, record: bytes) -> Command:
    """UPDATE RECORD of a file that takes no MAC. A variable record keeps its length."""
    return Command(0x00, 0xDC, number, sfi << 3 | RecordMode.BY_NUMBER, record)


def append_record(sfi: int, record: bytes) -> Command:
    """APPEND RECORD to a file that takes no MAC."""
    return Command(0x00, 0xE2, 0x00, sfi << 3, record)


def verify_pin(pin_block: bytes, reference: int) -> Command:
    """VERIFY: compare the PIN with the chip's."""
    return Command(0x00, 0x20, 0x00, reference, pin_block)


def change_pin(old_block: bytes, new_block: bytes, reference: int) -> Command:
    """CHANGE PIN: old PIN, FF, new PIN."""
    return Command(0x80, 0x5E, 0x01, reference, old_block + b"\xff" + new_block)


def get_challenge(length: int = 8) -> Command:
    """GET CHALLENGE: the random number of the next secure message."""
    return Command(0x00, 0x84, le=length)


def internal_authenticate(mode: int, key_id: int, challenge8: bytes) -> Command:
    """INTERNAL AUTHENTICATE: the card shows that it holds a key."""
    return Command(0x00, 0x88, mode, key_id, challenge8, le=8)


def external_authenticate(key_id: int, cryptogram8: bytes) -> Command:
    """EXTERNAL AUTHENTICATE: show the card that its challenge reached somebody who holds its key."""
    return Command(0x00, 0x82, 0x00, key_id, cryptogram8)


def get_message() -> Command:
    """GET MESSAGE: the nine-byte authentication code of a city card, for a SAM to check."""
    return Command(0x80, 0xCA, le=9)


def get_balance(part: int = BalancePart.STORED, purse: int = PURSE) -> Command:
    """GET BALANCE of the electronic purse or deposit."""
    return Command(0x80, 0x5C, part, purse, le=4)


def initialize(
    mode: int, key_index: int, amount_fen: int, terminal_no: bytes, answer: int, purse: int = PURSE
) -> Command:
    """INITIALIZE for all modes but UPDATE; amount in fen, terminal number 6 bytes, `answer` the answer's length."""
    if not 0 <= amount_fen < 1 << 31:
        raise FormatError("the amount does not fit the purse")
    data = InitData(key_index, amount_fen, terminal_no).to_bytes()
    return Command(0x80, 0x50, mode, purse, data, le=answer)


def initialize_for_update(key_index: int, terminal_no: bytes) -> Command:
    """INITIALIZE FOR UPDATE of the deposit's overdraft limit."""
    data = UpdateInitData(key_index, terminal_no).to_bytes()
    return Command(0x80, 0x50, InitMode.UPDATE, DEPOSIT, data, le=0x13)


def credit_for_load(when: datetime, mac2: bytes) -> Command:
    """CREDIT FOR LOAD with the host's time and MAC2."""
    return Command(0x80, 0x52, data=HostData(when, mac2).to_bytes(), le=4)


def debit_for_purchase(terminal_seq: int, when: datetime, mac1: bytes) -> Command:
    """DEBIT FOR PURCHASE (also CAPP, CASH WITHDRAW) with the terminal's sequence number, time and the SAM's MAC1."""
    return Command(0x80, 0x54, 0x01, data=DebitData(terminal_seq, when, mac1).to_bytes(), le=8)


def debit_for_unload(when: datetime, mac2: bytes) -> Command:
    """DEBIT FOR UNLOAD with the host's time and MAC2."""
    return Command(0x80, 0x54, 0x03, data=HostData(when, mac2).to_bytes(), le=4)


def update_overdraft_limit(limit_fen: int, when: datetime, mac2: bytes) -> Command:
    """UPDATE OVERDRAW LIMIT with the new limit, the host's time and MAC2."""
    return Command(0x80, 0x58, data=LimitData(limit_fen, when, mac2).to_bytes(), le=4)


def update_capp_cache(
    sfi: int, record: bytes, reference: int = 0, mode: int = RecordMode.PREVIOUS
) -> Command:
    """UPDATE CAPP DATA CACHE; `reference` is a record number or identifier as `mode` says."""
    return Command(0x80, 0xDC, reference, sfi << 3 | mode, record)


def get_transaction_prove(kind: int, atc: int) -> Command:
    """GET TRANSACTION PROVE for the transaction that ended with this counter (INITIALIZE's value plus one)."""
    return Command(0x80, 0x5A, 0x00, kind, atc.to_bytes(2), le=8)
