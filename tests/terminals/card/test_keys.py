from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminals.card.crypto import decrypt_ecb, encrypt_ecb, secure_messaging_mac
from terminals.card.errors import FormatError
from terminals.card.keys import (
    KeyRecord,
    KeySlot,
    length_prefixed,
    mac_command,
    without_length,
    write_key_command,
)
from tests.terminals.card.vectors import vector

KEY = bytes.fromhex("01020304050607081112131415161718")


def test_published_write_key_mac() -> None:
    given_, expected = vector("secure-messaging-retail-mac-write-key")
    header = bytes.fromhex(given_["apdu_header"])
    clear = bytes.fromhex(given_["plaintext_len_prefixed_padded"])
    assert length_prefixed(clear[1:25]) == clear
    body = encrypt_ecb(KEY, clear)
    assert body.hex().upper() == expected["ciphertext_3des_ecb"]
    challenge = bytes.fromhex(given_["iv_from_get_challenge"])
    assert secure_messaging_mac(KEY, header, body, challenge).hex().upper() == expected["MAC"]
    whole = mac_command(KEY, header[:4], clear[1:25], challenge, encrypt=True)
    assert whole == header + body + bytes.fromhex(expected["MAC"])


def test_write_key_carries_the_record_encrypted() -> None:
    record = KeyRecord(KeySlot.LOAD, 2, bytes(range(16)))
    apdu = write_key_command(KEY, record, bytes(8))
    assert apdu[:4] == bytes([0x84, 0xD4, 0x01, KeySlot.LOAD])
    assert KeyRecord.parse(without_length(decrypt_ecb(KEY, apdu[5:-4]))) == record


@given(st.binary(max_size=200))
def test_length_prefix_round_trip(data: bytes) -> None:
    assert without_length(length_prefixed(data)) == data


@pytest.mark.parametrize("clear", [b"", b"\x05abc", b"\x01a\x80\x01\x00\x00\x00\x00", b"\x07abcdefg\x80"])
def test_false_padding_is_refused(clear: bytes) -> None:
    with pytest.raises(FormatError):
        without_length(clear)


def test_a_key_record_never_shows_its_key() -> None:
    assert "0102" not in repr(KeyRecord(KeySlot.TAC, 1, KEY)).lower().replace("x", "")


@pytest.mark.parametrize("record", [b"", bytes(21), bytes([KeySlot.TAC]) + bytes(19)])
def test_false_key_records_are_refused(record: bytes) -> None:
    with pytest.raises(FormatError):
        KeyRecord.parse(record)


def test_keys_of_single_length_are_refused() -> None:
    with pytest.raises(FormatError):
        KeyRecord(KeySlot.TAC, 1, bytes(8)).to_bytes()
