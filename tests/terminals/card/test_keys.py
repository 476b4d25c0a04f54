from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminals.card import commands_maintenance as maintenance
from terminals.card.apdu import Command
from terminals.card.crypto import decrypt_ecb, des_mac, encrypt_ecb, secure_messaging_mac, tac_key
from terminals.card.errors import FormatError, SuiteIncomplete
from terminals.card.keys import (
    KeyRecord,
    KeySlot,
    length_prefixed,
    mac_command,
    maintenance_apdu,
    maintenance_slot,
    without_length,
    write_key_command,
)
from terminals.card.suites import SM4
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


CHALLENGE = bytes.fromhex("C0300764594D6D8D")
PIN = bytes.fromhex("123456")


def made(command: Command, challenge: bytes = CHALLENGE, *, encrypt: bool = False) -> Command:
    apdu = maintenance_apdu(KEY, command.header, command.data, challenge, encrypt=encrypt)
    return Command.parse(apdu)


@pytest.mark.parametrize(
    ("command", "slot"),
    [
        (maintenance.card_block(), KeySlot.MAINTENANCE),
        (maintenance.application_block(), KeySlot.MAINTENANCE),
        (maintenance.application_unblock(), KeySlot.MAINTENANCE),
        (maintenance.update_binary(0x17, b"\x01"), KeySlot.MAINTENANCE),
        (maintenance.update_record(0x1A, 1, b"\x01"), KeySlot.MAINTENANCE),
        (maintenance.append_record(0x1A, b"\x01"), KeySlot.MAINTENANCE),
        (maintenance.pin_unblock(PIN, 0), KeySlot.PIN_UNBLOCK),
        (maintenance.reload_pin(PIN, 0), KeySlot.PIN_RELOAD),
        (maintenance.external_authenticate(1), KeySlot.CONTROL),
    ],
)
def test_the_command_decides_on_the_key(command: Command, slot: KeySlot) -> None:
    assert maintenance_slot(command.header) is slot


def test_a_maintenance_command_carries_its_mac() -> None:
    command = made(maintenance.application_block())
    header5 = bytes.fromhex("841E000004")
    assert command.data == secure_messaging_mac(KEY, header5, b"", CHALLENGE)


def test_a_pin_is_unblocked_encrypted() -> None:
    command = made(maintenance.pin_unblock(PIN, 0), encrypt=True)
    body, mac = command.data[:-4], command.data[-4:]
    assert without_length(decrypt_ecb(KEY, body)) == PIN
    assert mac == secure_messaging_mac(KEY, bytes.fromhex("842400000C"), body, CHALLENGE)


def test_a_pin_is_reloaded_under_both_halves_of_its_key() -> None:
    command = made(maintenance.reload_pin(PIN, 0), b"")
    assert command.data == PIN + des_mac(tac_key(KEY), PIN)


@pytest.mark.parametrize("challenge", [CHALLENGE, CHALLENGE[:4]])
def test_the_challenge_is_enciphered(challenge: bytes) -> None:
    command = made(maintenance.external_authenticate(1), challenge)
    assert command.data == encrypt_ecb(KEY, challenge.ljust(8, b"\x00"))


def test_sm4_writes_keys_and_keeps_silent_about_the_rest() -> None:
    record = KeyRecord(KeySlot.LOAD, 3, bytes(range(16)), algorithm=4)
    apdu = write_key_command(KEY, record, CHALLENGE, SM4)
    body, mac = apdu[5:-4], apdu[-4:]
    assert KeyRecord.parse(SM4.without_length(SM4.decrypt_ecb(KEY, body))) == record
    assert mac == SM4.mac(KEY, apdu[:5] + body, CHALLENGE)
    reload = maintenance.reload_pin(PIN, 0)
    with pytest.raises(SuiteIncomplete):
        maintenance_apdu(KEY, reload.header, reload.data, b"", suite=SM4)
