"""Maintenance of an issued card, with the keys in another place than the terminal."""

from __future__ import annotations

import pytest

from terminals.card.apdu import (
    ApduError,
    ApplicationBlocked,
    MacRejected,
    PermanentlyLocked,
    VerificationFailed,
    WrongPin,
)
from terminals.card.files import EF17
from terminals.card.maintenance import MaintenanceSession
from terminals.card.purse import PurseSession
from terminals.readers.memory import MemoryTransport
from terminals.simulator.chip import Chip
from tests.terminals.card.scripted import ScriptedTransport
from tests.terminals.cards import KEYS, PIN, public_info

SERIAL = public_info().serial8
EF1A = 0x1A


@pytest.fixture
def slot(chip: Chip) -> MemoryTransport:
    return MemoryTransport(chip)


@pytest.fixture
def purse(slot: MemoryTransport) -> PurseSession:
    session = PurseSession(slot)
    session.select()
    return session


@pytest.fixture
def upkeep(slot: MemoryTransport, purse: PurseSession) -> MaintenanceSession:
    return MaintenanceSession(slot, KEYS, serial8=SERIAL)


@pytest.fixture
def stranger(slot: MemoryTransport, purse: PurseSession) -> MaintenanceSession:
    """Somebody who has another card's keys."""
    return MaintenanceSession(slot, KEYS, serial8=b"STRANGER")


def test_what_is_asked_of_the_authority_and_sent_to_the_chip() -> None:
    class Authority:
        def maintenance_command(self, **asked: object) -> bytes:
            assert asked == {
                "card_serial8": SERIAL,
                "version": 2,
                "header": bytes.fromhex("84240000"),
                "data": bytes.fromhex("123456"),
                "challenge": bytes(range(8)),
                "encrypt": True,
            }
            return bytes.fromhex("8424000001AA")

    script = ScriptedTransport(("0084000008", "0001020304050607" + "9000"), ("8424000001AA", "9000"))
    MaintenanceSession(script, Authority(), serial8=SERIAL, key_version=2).pin_unblock(PIN)
    script.assert_finished()


def test_an_application_is_blocked_and_unblocked(upkeep: MaintenanceSession, purse: PurseSession) -> None:
    upkeep.application_block()
    with pytest.raises(ApplicationBlocked):
        purse.select()
    upkeep.application_unblock()
    purse.select()


def test_a_permanent_block_is_final(upkeep: MaintenanceSession) -> None:
    upkeep.application_block(permanent=True)
    with pytest.raises(PermanentlyLocked):
        upkeep.application_unblock()


def test_strangers_lock_the_application_by_trying(
    upkeep: MaintenanceSession, stranger: MaintenanceSession
) -> None:
    upkeep.application_block()
    for _ in range(2):
        with pytest.raises(MacRejected):
            stranger.application_unblock()
    with pytest.raises(PermanentlyLocked):
        stranger.application_unblock()
    with pytest.raises(PermanentlyLocked):
        upkeep.application_unblock()


def test_a_blocked_card_is_silent(upkeep: MaintenanceSession, purse: PurseSession) -> None:
    upkeep.card_block()
    with pytest.raises(ApduError):
        purse.select()


def test_a_locked_pin_is_unblocked_with_the_pin_itself(
    upkeep: MaintenanceSession, purse: PurseSession
) -> None:
    for _ in range(3):
        with pytest.raises(WrongPin):
            purse.verify_pin("000000")
    with pytest.raises(WrongPin) as caught:
        purse.verify_pin(PIN)
    assert caught.value.tries_left == 0
    upkeep.pin_unblock(PIN)
    purse.verify_pin(PIN)


def test_a_forgotten_pin_is_reloaded(upkeep: MaintenanceSession, purse: PurseSession) -> None:
    upkeep.reload_pin("246802")
    purse.verify_pin("246802")


def test_a_stranger_reloads_no_pin(stranger: MaintenanceSession, purse: PurseSession) -> None:
    with pytest.raises(ApduError):
        stranger.reload_pin("246802")
    purse.verify_pin(PIN)


def test_files_and_records_are_written_under_mac(upkeep: MaintenanceSession, purse: PurseSession) -> None:
    upkeep.update_binary(EF17, b"\x00\x00", offset=8)
    assert purse.management_info().interoperable == 0
    assert upkeep.read_binary(EF17, 4, offset=6).hex() == "39700000"
    upkeep.append_record(EF1A, bytes.fromhex("2702") + bytes(126))
    upkeep.update_record(EF1A, 1, bytes.fromhex("2702") + b"\x01" * 126)
    assert purse.record(EF1A, 0x27) == bytes.fromhex("2702") + b"\x01" * 126


def test_a_stranger_writes_nothing(stranger: MaintenanceSession, purse: PurseSession) -> None:
    with pytest.raises(MacRejected):
        stranger.update_binary(EF17, bytes(60))
    with pytest.raises(MacRejected):
        stranger.read_binary(EF17, 60)
    assert purse.management_info().interoperable == 1


def test_external_authentication_shows_the_control_key(
    upkeep: MaintenanceSession, stranger: MaintenanceSession
) -> None:
    upkeep.external_authenticate(1)
    with pytest.raises(VerificationFailed) as caught:
        stranger.external_authenticate(1)
    assert caught.value.tries_left == 2
    assert not isinstance(caught.value, WrongPin)
