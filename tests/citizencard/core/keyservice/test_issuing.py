from __future__ import annotations

from typing import Any

import pytest

from citizencard.core.keyservice.client import KeyServiceClient
from citizencard.core.keyservice.errors import KeyServiceError
from citizencard.core.keyservice.keystore import KeyStore, Usage
from terminals.card.crypto import decrypt_ecb, diversify, secure_messaging_mac
from terminals.card.keys import CARD_SLOTS, SAM_SLOTS, KeyRecord, KeySlot, without_length
from tests.citizencard.core.keyservice.cards import CardSide

CHIP = bytes.fromhex("C0FFEE0000000001")
CARD = bytes.fromhex("5170070104791381")
CHALLENGE = bytes.fromhex("0102030405060708")


def unwrap(key: bytes, apdu: bytes) -> bytes:
    """What a chip makes of a secure-messaging command: MAC checked, data as sent."""
    header5, body, mac = apdu[:5], apdu[5:-4], apdu[-4:]
    assert header5[4] == len(body) + 4
    assert secure_messaging_mac(key, header5, body, CHALLENGE) == mac
    return body


def transport_key(keys: KeyStore) -> bytes:
    return diversify(keys.master(Usage.TRANSPORT, 1), CHIP)


def written(
    client: KeyServiceClient, keys: KeyStore, slot: KeySlot, version: int, card: bytes | None
) -> KeyRecord:
    apdu = client.write_key_command(
        chip_serial8=CHIP, slot=slot, version=version, card_serial8=card, challenge=CHALLENGE
    )
    assert apdu[:4] == bytes([0x84, 0xD4, 0x01, slot])
    key = transport_key(keys)
    return KeyRecord.parse(without_length(decrypt_ecb(key, unwrap(key, apdu))))


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("slot", CARD_SLOTS)
def test_a_card_gets_its_own_keys(
    key_service: KeyServiceClient, demo_keys: KeyStore, card_side: CardSide, slot: KeySlot, version: int
) -> None:
    record = written(key_service, demo_keys, slot, version, CARD)
    assert (record.slot, record.version) == (slot, version)
    assert record.key16 == card_side.key(Usage[slot.name], version, CARD)


def test_a_sam_gets_the_purchase_master_of_its_issuer(
    key_service: KeyServiceClient, demo_keys: KeyStore, card_side: CardSide
) -> None:
    record = written(key_service, demo_keys, KeySlot.PURCHASE, 1, None)
    assert diversify(record.key16, CARD) == card_side.key(Usage.PURCHASE, 1, CARD)


def test_a_sam_gets_a_maintenance_key_of_its_own(
    key_service: KeyServiceClient, demo_keys: KeyStore, card_side: CardSide
) -> None:
    record = written(key_service, demo_keys, KeySlot.MAINTENANCE, 1, None)
    assert record.key16 == card_side.key(Usage.MAINTENANCE, 1, CHIP)


@pytest.mark.parametrize("slot", sorted(set(CARD_SLOTS) - set(SAM_SLOTS)))
def test_a_sam_gets_no_other_master(
    key_service: KeyServiceClient, demo_keys: KeyStore, slot: KeySlot
) -> None:
    with pytest.raises(KeyServiceError) as caught:
        written(key_service, demo_keys, slot, 1, None)
    assert caught.value.refusal == "bad_request"


def test_unknown_version_is_named(key_service: KeyServiceClient, demo_keys: KeyStore) -> None:
    with pytest.raises(KeyServiceError) as caught:
        written(key_service, demo_keys, KeySlot.LOAD, 3, CARD)
    assert caught.value.refusal == "unknown_key"
    assert caught.value.data["explanation"] == "no LOAD key of version 3"


def test_file_update_while_personalising(key_service: KeyServiceClient, demo_keys: KeyStore) -> None:
    header, data = bytes.fromhex("04D69500"), bytes(range(30))
    apdu = key_service.mac_command(chip_serial8=CHIP, header=header, data=data, challenge=CHALLENGE)
    assert apdu[:4] == header
    assert unwrap(transport_key(demo_keys), apdu) == data


def test_pin_is_written_encrypted(key_service: KeyServiceClient, demo_keys: KeyStore) -> None:
    pin = bytes.fromhex("3A0003123456")
    apdu = key_service.mac_command(
        chip_serial8=CHIP, header=bytes.fromhex("84D4013A"), data=pin, challenge=CHALLENGE, encrypt=True
    )
    key = transport_key(demo_keys)
    assert pin not in apdu
    assert without_length(decrypt_ecb(key, unwrap(key, apdu))) == pin


@pytest.mark.parametrize(
    "command",
    [
        pytest.param({"header": "84D4013E", "data": "3E01010033" + "00" * 16, "encrypt": True}, id="own key"),
        pytest.param({"header": "84D4013A", "data": "3E0101", "encrypt": True}, id="key behind a PIN's P2"),
        pytest.param({"header": "84D4013E", "data": "3A0101"}, id="PIN record into a key slot"),
        pytest.param({"header": "00D69500", "data": "00"}, id="plain class byte"),
        pytest.param({"header": "84D69500", "data": "00" * 15, "encrypt": True}, id="chosen plaintext"),
        pytest.param({"header": "84D695", "data": ""}, id="short header"),
        pytest.param({"header": "84D69500", "data": "00" * 252}, id="longer than an APDU"),
    ],
)
def test_what_is_not_made_for_a_caller(key_service: KeyServiceClient, command: dict[str, Any]) -> None:
    with pytest.raises(KeyServiceError) as caught:
        key_service.mac_command(
            chip_serial8=CHIP,
            header=bytes.fromhex(command["header"]),
            data=bytes.fromhex(command["data"]),
            challenge=CHALLENGE,
            encrypt=command.get("encrypt", False),
        )
    assert caught.value.refusal == "bad_request"
