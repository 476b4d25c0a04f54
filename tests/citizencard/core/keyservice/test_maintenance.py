from __future__ import annotations

from typing import Any

import pytest

from citizencard.core.keyservice.client import KeyServiceClient
from citizencard.core.keyservice.errors import KeyServiceError
from citizencard.core.keyservice.keystore import Usage
from terminals.card.crypto import decrypt_ecb, des_mac, encrypt_ecb, secure_messaging_mac, tac_key
from terminals.card.keys import without_length
from tests.citizencard.core.keyservice.cards import CardSide

CARD = bytes.fromhex("5170070104791381")
CHALLENGE = bytes.fromhex("0102030405060708")
PIN = bytes.fromhex("123456")


def made(client: KeyServiceClient, header: str, data: bytes = b"", **options: Any) -> bytes:
    fields = {"card_serial8": CARD, "version": 2, "challenge": CHALLENGE} | options
    return client.maintenance_command(header=bytes.fromhex(header), data=data, **fields)


def body(key: bytes, apdu: bytes) -> bytes:
    """What a chip makes of a secure-messaging command: MAC checked, data as sent."""
    header5, content, mac = apdu[:5], apdu[5:-4], apdu[-4:]
    assert header5[4] == len(content) + 4
    assert secure_messaging_mac(key, header5, content, CHALLENGE) == mac
    return content


@pytest.mark.parametrize(
    ("header", "data"),
    [
        ("84160000", b""),
        ("84180000", b""),
        ("841E0000", b""),
        ("841E0001", b""),
        ("04D69500", bytes(range(30))),
        ("04DC01C4", bytes(23)),
        ("04E200C0", bytes(23)),
    ],
)
def test_block_unblock_and_files_under_the_maintenance_key(
    key_service: KeyServiceClient, card_side: CardSide, header: str, data: bytes
) -> None:
    apdu = made(key_service, header, data)
    assert apdu[:4] == bytes.fromhex(header)
    assert body(card_side.key(Usage.MAINTENANCE, 2, CARD), apdu) == data


def test_pin_unblock_under_its_own_key(key_service: KeyServiceClient, card_side: CardSide) -> None:
    key = card_side.key(Usage.PIN_UNBLOCK, 2, CARD)
    apdu = made(key_service, "84240000", PIN, encrypt=True)
    assert PIN not in apdu
    assert without_length(decrypt_ecb(key, body(key, apdu))) == PIN


def test_reload_pin_under_its_own_key_folded(key_service: KeyServiceClient, card_side: CardSide) -> None:
    """RELOAD PIN has no challenge: single DES over the PIN, under left half XOR right half."""
    apdu = made(key_service, "805E0000", PIN, challenge=b"")
    mac = des_mac(tac_key(card_side.key(Usage.PIN_RELOAD, 2, CARD)), PIN)
    assert apdu == bytes.fromhex("805E000007") + PIN + mac


@pytest.mark.parametrize("challenge", [CHALLENGE, CHALLENGE[:4]])
def test_external_authenticate_under_the_control_key(
    key_service: KeyServiceClient, card_side: CardSide, challenge: bytes
) -> None:
    apdu = made(key_service, "00820001", challenge=challenge)
    key = card_side.key(Usage.CONTROL, 2, CARD)
    assert apdu == bytes.fromhex("0082000108") + encrypt_ecb(key, challenge.ljust(8, b"\0"))


@pytest.mark.parametrize(
    ("header", "data", "options"),
    [
        pytest.param("84D4013E", bytes(21), {}, id="WRITE KEY"),
        pytest.param("84D4013A", bytes.fromhex("3A0003123456"), {"encrypt": True}, id="PIN by WRITE KEY"),
        pytest.param("00D69500", b"x", {}, id="class byte without MAC"),
        pytest.param("805E0100", PIN, {"challenge": b""}, id="CHANGE PIN"),
        pytest.param("805E0000", PIN, {}, id="RELOAD PIN with a challenge"),
        pytest.param("805E0000", bytes(8), {"challenge": b""}, id="no PIN is so long"),
        pytest.param("84240000", PIN, {}, id="PIN in clear"),
        pytest.param("84240000", bytes(14), {"encrypt": True}, id="encrypting other things than a PIN"),
        pytest.param("04D69500", bytes(14), {"encrypt": True}, id="encrypting a file"),
        pytest.param("00820001", b"", {"encrypt": True}, id="encrypted authentication"),
        pytest.param("00820001", b"\0" * 8, {}, id="chosen data beside the challenge"),
        pytest.param("841E0000", b"", {"challenge": b""}, id="without a challenge"),
        pytest.param("841E00", b"", {}, id="short header"),
        pytest.param("04D69500", bytes(252), {}, id="longer than an APDU"),
    ],
)
def test_what_is_not_made_for_a_caller(
    key_service: KeyServiceClient, header: str, data: bytes, options: dict[str, Any]
) -> None:
    with pytest.raises(KeyServiceError) as caught:
        made(key_service, header, data, **options)
    assert caught.value.refusal == "bad_request"
