from __future__ import annotations

import random
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citizencard.core.keyservice.client import KeyServiceClient
from citizencard.core.keyservice.errors import KeyServiceError
from citizencard.core.keyservice.keystore import Usage
from citizencard.core.keyservice.protocol import TAC_RECORD, pack_tac_record
from terminals.card import crypto
from tests.citizencard.core.keyservice.cards import TERMINAL, WHEN, CardSide

SERIAL = bytes.fromhex("5170070104791381")
RAND = bytes.fromhex("11223344")


def test_known_purchase_tac(key_service: KeyServiceClient) -> None:
    # Worked out step by step with the openssl command line from the demonstration TAC master, version 1.
    record = SERIAL + b"\x01" + bytes.fromhex("00001000 06 001122334455 00000001 20120229 135100")
    assert key_service.verify_purchase_tacs(record + bytes.fromhex("D9C0E5F0")) == b"\x01"
    assert key_service.verify_purchase_tacs(record + bytes.fromhex("D9C0E5F1")) == b"\x00"


def test_fast_path_equals_slow_path(key_service: KeyServiceClient, card_side: CardSide) -> None:
    """100,000 random records, a third forged: every verdict is the one the plain library comes to."""
    rng = random.Random(20261121)
    serials = [rng.randbytes(8) for _ in range(30_000)]
    records, expected = [], bytearray()
    for seq in range(100_000):
        forged = rng.random() < 1 / 3
        record = bytearray(
            card_side.purchase_record(
                rng.choice(serials), rng.randrange(1 << 32), seq, version=rng.choice((1, 2))
            )
        )
        if forged:
            record[rng.choice([*range(8), *range(9, TAC_RECORD)])] ^= 1 << rng.randrange(8)
        records.append(bytes(record))
        expected.append(not forged)
    assert key_service.verify_purchase_tacs(b"".join(records)) == bytes(expected)


def test_every_flipped_bit_is_noticed(key_service: KeyServiceClient, card_side: CardSide) -> None:
    record = card_side.purchase_record(SERIAL, 200, 7)
    flipped = []
    for bit in range(TAC_RECORD * 8):
        variant = bytearray(record)
        variant[bit // 8] ^= 0x80 >> bit % 8
        flipped.append(bytes(variant))
    assert key_service.verify_purchase_tacs(record + b"".join(flipped)) == b"\x01" + bytes(len(flipped))


def test_unknown_key_version_is_not_right(key_service: KeyServiceClient, card_side: CardSide) -> None:
    record = bytearray(card_side.purchase_record(SERIAL, 200, 7))
    record[8] = 9
    good = card_side.purchase_record(SERIAL, 200, 8)
    assert key_service.verify_purchase_tacs(bytes(record) + good) == b"\x00\x01"


def test_no_records(key_service: KeyServiceClient) -> None:
    assert key_service.verify_purchase_tacs(b"") == b""


def test_half_a_record_is_refused(key_service: KeyServiceClient) -> None:
    with pytest.raises(KeyServiceError) as caught:
        key_service.verify_purchase_tacs(bytes(TAC_RECORD + 1))
    assert caught.value.refusal == "bad_request"


def test_record_fields_must_fit() -> None:
    fields: dict[str, Any] = {
        "serial8": SERIAL,
        "key_version": 1,
        "amount_fen": 1,
        "kind": 6,
        "terminal_no6": TERMINAL,
        "terminal_seq": 1,
        "when": WHEN,
        "tac4": bytes(4),
    }
    with pytest.raises(ValueError, match="serial 8"):
        pack_tac_record(**{**fields, "serial8": bytes(9), "tac4": bytes(3)})
    with pytest.raises(ValueError, match="terminal 6"):
        pack_tac_record(**{**fields, "terminal_no6": bytes(5)})


AWARE = datetime(2026, 11, 21, 0, 30, 15, tzinfo=UTC)
"""The same moment as WHEN."""


def test_aware_times_become_local_in_records(key_service: KeyServiceClient, card_side: CardSide) -> None:
    record = pack_tac_record(
        serial8=SERIAL,
        key_version=1,
        amount_fen=200,
        kind=6,
        terminal_no6=TERMINAL,
        terminal_seq=7,
        when=AWARE,
        tac4=card_side.purchase_record(SERIAL, 200, 7)[-4:],
    )
    assert key_service.verify_purchase_tacs(record) == b"\x01"


@pytest.mark.parametrize("when", [WHEN, AWARE])
@pytest.mark.parametrize("version", [1, 2])
def test_load_dialogue(
    key_service: KeyServiceClient, card_side: CardSide, version: int, when: datetime
) -> None:
    load = crypto.TransactionType.LOAD
    session = card_side.load_session_key(version, SERIAL, RAND, 41)
    mac1 = crypto.load_mac1(session, 500, 5000, load, TERMINAL)
    mac2 = key_service.authorise_load(
        serial8=SERIAL,
        key_version=version,
        rand4=RAND,
        online_atc=41,
        balance_fen=500,
        amount_fen=5000,
        terminal_no6=TERMINAL,
        mac1=mac1,
        when=when,
    )
    assert mac2 == crypto.load_mac2(session, 5000, load, TERMINAL, WHEN)

    dtk = card_side.key(Usage.TAC, version, SERIAL)
    tac = crypto.load_tac(dtk, 5500, 41, 5000, load, TERMINAL, WHEN)
    answer: dict[str, Any] = {
        "serial8": SERIAL,
        "key_version": version,
        "balance_after_fen": 5500,
        "online_atc": 41,
        "amount_fen": 5000,
        "terminal_no6": TERMINAL,
        "when": when,
    }
    assert key_service.verify_load_tac(tac=tac, **answer) is True
    assert key_service.verify_load_tac(tac=crypto.xor(tac, b"\0\0\0\1"), **answer) is False
    assert key_service.verify_load_tac(tac=tac, **{**answer, "balance_after_fen": 5501}) is False


@settings(max_examples=60, deadline=None)
@given(
    bit=st.integers(0, 31),
    field=st.sampled_from(["mac1", "balance_fen", "amount_fen", "online_atc", "serial8"]),
)
def test_a_load_the_card_did_not_ask_for_is_not_authorised(
    key_service: KeyServiceClient, card_side: CardSide, bit: int, field: str
) -> None:
    session = card_side.load_session_key(1, SERIAL, RAND, 41)
    mac1 = crypto.load_mac1(session, 500, 5000, crypto.TransactionType.LOAD, TERMINAL)
    request: dict[str, Any] = {
        "serial8": SERIAL,
        "key_version": 1,
        "rand4": RAND,
        "online_atc": 41,
        "balance_fen": 500,
        "amount_fen": 5000,
        "terminal_no6": TERMINAL,
        "mac1": mac1,
        "when": WHEN,
    }
    value = request[field]
    if isinstance(value, bytes):
        request[field] = (int.from_bytes(value) ^ 1 << bit).to_bytes(len(value))
    else:
        request[field] = value ^ 1 << bit % 15
    with pytest.raises(KeyServiceError) as caught:
        key_service.authorise_load(**request)
    assert caught.value.refusal == "mac_invalid"


def test_ten_thousand_tacs_in_one_call_are_fast(key_service: KeyServiceClient, card_side: CardSide) -> None:
    """Guards the bulk path against a fall back to one cipher set-up per level and record (about 20,000/s)."""
    packed = b"".join(card_side.purchase_record(bytes([5]) + i.to_bytes(7), 200, i) for i in range(10_000))
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        assert key_service.verify_purchase_tacs(packed) == b"\x01" * 10_000
        seconds.append(time.perf_counter() - began)
    rate = 10_000 / min(seconds)
    print(f"{rate:,.0f} TACs per second through the socket")
    assert rate > 40_000
