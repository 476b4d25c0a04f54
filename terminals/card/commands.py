"""Builders of the command APDUs this project sends (ISO/IEC 7816-4, JR/T 0025.2)."""

from __future__ import annotations

from datetime import datetime

from terminals.card.apdu import Command
from terminals.card.crypto import bcd_time
from terminals.card.errors import FormatError

PURSE = 0x02
"""P2 of the purse commands: electronic purse (电子钱包)."""


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
    """READ RECORD; in a cyclic file number 1 is the newest."""
    return Command(0x00, 0xB2, number, sfi << 3 | 4, le=length)


def verify_pin(pin_block: bytes, reference: int) -> Command:
    """VERIFY: compare the PIN with the chip's."""
    return Command(0x00, 0x20, 0x00, reference, pin_block)


def get_challenge(length: int = 8) -> Command:
    """GET CHALLENGE: the random number of the next secure message."""
    return Command(0x00, 0x84, le=length)


def get_balance() -> Command:
    """GET BALANCE of the electronic purse."""
    return Command(0x80, 0x5C, 0x00, PURSE, le=4)


def initialize(mode: int, key_index: int, amount_fen: int, terminal_no: bytes, answer: int) -> Command:
    """INITIALIZE FOR LOAD (mode 00), PURCHASE (01) or CAPP PURCHASE (03); amount in fen, terminal number 6 bytes."""
    if not 0 <= amount_fen < 1 << 31:
        raise FormatError("the amount does not fit the purse")
    if len(terminal_no) != 6:
        raise FormatError("a terminal number has six bytes")
    data = bytes([key_index]) + amount_fen.to_bytes(4) + terminal_no
    return Command(0x80, 0x50, mode, PURSE, data, le=answer)


def credit_for_load(when: datetime, mac2: bytes) -> Command:
    """CREDIT FOR LOAD with the host's time and MAC2."""
    return Command(0x80, 0x52, data=bcd_time(when) + mac2, le=4)


def debit_for_purchase(terminal_seq: int, when: datetime, mac1: bytes) -> Command:
    """DEBIT FOR PURCHASE (also CAPP) with the terminal's sequence number, time and the SAM's MAC1."""
    return Command(0x80, 0x54, 0x01, data=terminal_seq.to_bytes(4) + bcd_time(when) + mac1, le=8)


def update_capp_cache(sfi: int, record: bytes, reference: int = 0, mode: int = 3) -> Command:
    """UPDATE CAPP DATA CACHE. Mode 3 with reference 0 replaces a cyclic file's oldest record (ISO/IEC 7816-4)."""
    return Command(0x80, 0xDC, reference, sfi << 3 | mode, record)


def get_transaction_prove(kind: int, atc: int) -> Command:
    """GET TRANSACTION PROVE for the transaction that ended with this counter (INITIALIZE's value plus one)."""
    return Command(0x80, 0x5A, 0x00, kind, atc.to_bytes(2), le=8)


def init_sam_for_purchase(data: bytes) -> Command:
    """INIT SAM FOR PURCHASE."""
    return Command(0x80, 0x70, data=data, le=8)


def credit_sam_for_purchase(mac2: bytes) -> Command:
    """CREDIT SAM FOR PURCHASE with the card's MAC2."""
    return Command(0x80, 0x72, data=mac2)
