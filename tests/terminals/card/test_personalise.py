from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminals.card.apdu import MacRejected
from terminals.card.bench import chip_serial
from terminals.card.chipdata import get_data
from terminals.card.commands import select_name
from terminals.card.eid import EID_AID, EidSession, read_public_key
from terminals.card.errors import CardRemoved, FormatError, PersonalisationError
from terminals.card.files import PurseStart
from terminals.card.identity import CardCertificate
from terminals.card.keys import KeySlot
from terminals.card.personalise import CardSpec, personalise, personalise_sam
from terminals.card.purse import PurseSession
from terminals.card.sam import SamSession
from terminals.card.script import Progress
from terminals.card.transport import Transport
from terminals.readers.memory import MemoryTransport
from terminals.simulator.chip import Chip
from terminals.simulator.psam import Psam
from terminals.simulator.state import CardState, Phase
from terminals.simulator.store import MemoryStore
from tests.terminals.cards import (
    CARD_NUMBER,
    KEYS,
    PIN,
    SampleKeyWriter,
    blank_chip,
    blank_psam,
    card_spec,
    issued_chip,
    public_info,
    sam_spec,
)

OTHER_NUMBER = "3105883700000000999"


class Counting(MemoryTransport):
    """Counts the commands that write."""

    written = 0

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        self.written += apdu[0] & 0x04 == 0x04
        return super().transmit(apdu)


class Torn(Counting):
    """Pulls the chip at the n-th command: before it arrives, or after it worked but before its answer is read."""

    def __init__(self, chip: Chip | Psam, at: int, *, executed: bool) -> None:
        super().__init__(chip)
        self.left, self.executed = at, executed

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        if self.left == 0:
            if self.executed:
                super().transmit(apdu)
            raise CardRemoved("torn")
        self.left -= 1
        return super().transmit(apdu)


def content(chip: Chip) -> CardState:
    """What a card holds, but for its key pair, which is never the same."""
    return replace(chip.state, identity_key=b"", identity_certificate=b"")


def proves_itself(chip: Chip) -> bool:
    session, challenge = EidSession(MemoryTransport(chip)), bytes(range(32))
    proof = session.prove(challenge)
    CardCertificate.parse(proof.certificate).verify_answer(challenge, proof.signature)
    return True


def tear_everywhere(executed: bool, spec: CardSpec, resume: Callable[[Chip, int], None]) -> int:
    """Tear the script at every command, then `resume` what it wrote so far; how many times it was torn."""
    for at in range(1000):
        chip = blank_chip()
        transport = Torn(chip, at, executed=executed)
        try:
            personalise(transport, spec, KEYS)
        except CardRemoved:
            resume(chip, transport.written)
        else:
            return at
    raise AssertionError("the script never ends")


def test_the_card_becomes_what_was_ordered() -> None:
    chip = blank_chip()
    transport = MemoryTransport(chip)
    spec = card_spec(balance_fen=500, overdraft_limit_fen=500, offline_atc=7)
    assert personalise(transport, spec, KEYS).chip_serial8 == b"CHIP0001"
    purse = PurseSession(transport)
    assert purse.select().public_info == purse.public_info() == spec.public_info
    assert purse.profile.card_number(purse.public_info()) == CARD_NUMBER
    assert purse.management_info() == spec.management
    assert purse.balance_fen() == 500
    purse.verify_pin(PIN)
    assert purse.holder() == spec.holder
    assert purse.init_purchase(0, bytes(6)).offline_atc == 7
    assert chip.state.phase is Phase.ACTIVE
    assert not chip.state.transport_key


@pytest.mark.parametrize(
    ("application_type", "without"), [(1, set()), (2, {KeySlot.UNLOAD, KeySlot.OVERDRAFT}), (3, set())]
)
def test_every_key_on_the_card_is_the_card_s_own(application_type: int, without: set[KeySlot]) -> None:
    info = replace(public_info(), application_type=application_type)
    keys = issued_chip(replace(card_spec(), public_info=info)).state.keys
    assert keys == {slot << 8 | 1: KEYS.of(slot, info.serial8) for slot in set(KeySlot) - without}


def test_the_certificate_of_the_key_pair_comes_back() -> None:
    chip = blank_chip()
    certificate = personalise(MemoryTransport(chip), card_spec(), KEYS).certificate
    assert CardCertificate.parse(certificate).serial8 == card_spec().public_info.serial8
    session = EidSession(MemoryTransport(chip))
    session.select()
    assert session.certificate() == certificate
    assert session.public_key() == CardCertificate.parse(certificate).point


@pytest.mark.parametrize("executed", [False, True], ids=["command lost", "answer lost"])
def test_a_card_pulled_at_any_command_is_taken_up_where_it_was(executed: bool) -> None:
    spec = card_spec(balance_fen=500, offline_atc=7)
    whole = content(issued_chip(spec))
    full = Counting(blank_chip())
    personalise(full, spec, KEYS)
    left_to_write = []

    def resume(chip: Chip, before: int) -> None:
        # Half done is either still under the transport key, or done.
        assert chip.state.phase is Phase.BLANK or content(chip) == whole
        again = Counting(chip)
        personalise(again, spec, KEYS)
        assert content(chip) == whole
        assert proves_itself(chip)
        # What stood is not written again, but for the PIN, of which nobody can tell, and a half certificate.
        assert before + again.written <= full.written + 2
        left_to_write.append(again.written)

    torn = tear_everywhere(executed, spec, resume)
    print(
        f"personalisation torn at {torn} commands, {'answer' if executed else 'command'} lost: all taken up"
    )
    assert torn > 60
    assert left_to_write[0] == full.written
    assert left_to_write[-1] == 0


@given(st.lists(st.tuples(st.integers(0, 90), st.booleans()), min_size=1, max_size=5))
def test_a_card_pulled_again_and_again_gets_there(tears: list[tuple[int, bool]]) -> None:
    chip = blank_chip()
    for at, executed in tears:
        try:
            personalise(Torn(chip, at, executed=executed), card_spec(), KEYS)
        except CardRemoved:
            chip.reset()
    personalise(MemoryTransport(chip), card_spec(), KEYS)
    assert content(chip) == content(issued_chip())
    assert proves_itself(chip)


@pytest.mark.parametrize("executed", [False, True], ids=["command lost", "answer lost"])
def test_a_sam_pulled_at_any_command_is_taken_up_where_it_was(executed: bool) -> None:
    whole = blank_psam()
    personalise_sam(MemoryTransport(whole), sam_spec(), KEYS)
    for at in range(1000):
        psam = blank_psam()
        try:
            personalise_sam(Torn(psam, at, executed=executed), sam_spec(), KEYS)
        except CardRemoved:
            personalise_sam(MemoryTransport(psam), sam_spec(), KEYS)
            assert psam.state == whole.state
        else:
            break
    assert at > 20


def test_the_sam_holds_the_master_of_each_version() -> None:
    psam = blank_psam()
    assert personalise_sam(MemoryTransport(psam), sam_spec(), KEYS) == b"PSAM0001"
    masters = {KeySlot.PURCHASE << 8 | version: KEYS.master(KeySlot.PURCHASE, version) for version in (1, 2)}
    assert masters.items() <= psam.state.keys.items()
    assert SamSession(MemoryTransport(psam)).open().terminal_no == sam_spec().terminal.terminal_no


def test_a_finished_card_is_only_checked(chip: Chip) -> None:
    before, transport = chip.state, Counting(chip)
    assert personalise(transport, card_spec(), KEYS).certificate == before.identity_certificate
    assert (chip.state, transport.written) == (before, 0)


def test_a_finished_card_does_not_become_another(chip: Chip) -> None:
    before = chip.state
    for erase in (False, True):
        with pytest.raises(PersonalisationError, match=f"is card {CARD_NUMBER}"):
            personalise(MemoryTransport(chip), card_spec(OTHER_NUMBER), KEYS, erase_begun=erase)
    assert chip.state == before


def test_a_card_in_use_is_told_from_a_new_one() -> None:
    chip = issued_chip(card_spec(balance_fen=500))
    with pytest.raises(PersonalisationError, match="used"):
        personalise(MemoryTransport(chip), card_spec(), KEYS)


def begun(spec: CardSpec, at: int = 40) -> Chip:
    chip = blank_chip()
    with pytest.raises(CardRemoved):
        personalise(Torn(chip, at, executed=True), spec, KEYS)
    chip.reset()
    return chip


def test_a_card_begun_for_another_number_is_refused_unless_told_to_start_over() -> None:
    chip = begun(card_spec(OTHER_NUMBER))
    before = chip.state
    with pytest.raises(PersonalisationError, match=f"begun for card {OTHER_NUMBER}"):
        personalise(MemoryTransport(chip), card_spec(), KEYS)
    assert chip.state == before
    personalise(MemoryTransport(chip), card_spec(), KEYS, erase_begun=True)
    assert content(chip) == content(issued_chip())


def test_a_key_of_another_version_is_no_leftover_on_an_active_card() -> None:
    chip = begun(replace(card_spec(), key_version=2))
    with pytest.raises(PersonalisationError, match="version 2"):
        personalise(MemoryTransport(chip), card_spec(), KEYS)
    assert chip.state.phase is Phase.BLANK
    personalise(MemoryTransport(chip), card_spec(), KEYS, erase_begun=True)
    assert content(chip) == content(issued_chip())


def test_the_last_pin_given_counts() -> None:
    chip = begun(replace(card_spec(), pin="111111"))
    personalise(MemoryTransport(chip), card_spec(), KEYS)
    purse = PurseSession(MemoryTransport(chip))
    purse.select()
    purse.verify_pin(PIN)


def test_the_clerk_sees_how_far_it_is() -> None:
    seen: list[Progress] = []
    personalise(MemoryTransport(blank_chip()), card_spec(), KEYS, progress=seen.append)
    assert [each.number for each in seen] == list(range(1, seen[0].total + 1))
    names = [each.step for each in seen]
    assert names[0] == "EF15"
    assert {"PIN", "key PURCHASE 1", "identity key pair", "identity certificate"} <= set(names)
    assert names[-2:] == ["read back", "activate"]


def test_a_chip_of_another_maker_refuses() -> None:
    stranger = Chip.blank(MemoryStore(), chip_serial8=b"STRANGER", transport_key16=bytes(16))
    with pytest.raises(MacRejected):
        personalise(MemoryTransport(stranger), card_spec(), KEYS)


def test_the_chip_serial_is_free_to_read_before_and_after(chip: Chip) -> None:
    assert chip_serial(MemoryTransport(blank_chip(serial=b"CHIP0042"))) == b"CHIP0042"
    assert chip_serial(MemoryTransport(chip)) == b"CHIP0001"


@pytest.mark.parametrize(
    ("forgotten", "says"),
    [
        pytest.param("00B095", "EF15", id="public information"),
        pytest.param("00B096", "EF16", id="holder"),
        pytest.param("00B082", "EF02", id="purse"),
        pytest.param("00CA0100", "key IDENTITY 1", id="keys"),
    ],
)
def test_a_chip_that_forgets_is_found_out_before_it_is_active(forgotten: str, says: str) -> None:
    class Forgetful(MemoryTransport):
        def transmit(self, apdu: bytes) -> tuple[bytes, int]:
            data, sw = super().transmit(apdu)
            return (b"\x01" * len(data), sw) if apdu.hex().upper().startswith(forgotten) else (data, sw)

    chip = blank_chip()
    spec = card_spec()
    with pytest.raises((PersonalisationError, FormatError), match=says if says != "EF15" else None):
        personalise(Forgetful(chip), spec, KEYS)
    assert chip.state.phase is Phase.BLANK


def test_a_key_that_is_not_the_expected_one_is_found_out() -> None:
    class LazyWriter(SampleKeyWriter):
        def write_key_command(
            self,
            *,
            chip_serial8: bytes,
            slot: KeySlot,
            version: int,
            card_serial8: bytes | None,
            challenge: bytes,
        ) -> bytes:
            return super().write_key_command(
                chip_serial8=chip_serial8,
                slot=slot,
                version=version,
                card_serial8=bytes(8) if slot is KeySlot.LOAD else card_serial8,
                challenge=challenge,
            )

    chip = blank_chip()
    with pytest.raises(PersonalisationError, match="key LOAD 1"):
        personalise(MemoryTransport(chip), card_spec(), LazyWriter())
    assert chip.state.phase is Phase.BLANK


def test_a_copied_certificate_is_found_out() -> None:
    """A certificate for another pair than the chip's."""
    chip, stranger = blank_chip(), issued_chip()
    certificate = stranger.state.identity_certificate

    class Copying(SampleKeyWriter):
        def issue_card_certificate(self, **asked: object) -> bytes:
            return certificate

    with pytest.raises(PersonalisationError, match="identity certificate"):
        personalise(MemoryTransport(chip), card_spec(), Copying())
    assert chip.state.phase is Phase.BLANK


def test_a_chip_that_shows_another_s_public_key_is_found_out() -> None:
    """It gets a certificate for that key, and cannot sign with it."""
    chip, stranger = blank_chip(), issued_chip()
    stranger.transmit(select_name(EID_AID).to_bytes())
    shown = stranger.transmit(read_public_key().to_bytes())[:-2]

    class Boasting(MemoryTransport):
        def transmit(self, apdu: bytes) -> tuple[bytes, int]:
            answer = super().transmit(apdu)
            return (shown, answer[1]) if answer[0] and apdu[:3] == b"\x00\x46\x81" else answer

    with pytest.raises(PersonalisationError, match="identity certificate"):
        personalise(Boasting(chip), card_spec(), KEYS)
    assert chip.state.phase is Phase.BLANK


def test_an_incomplete_chip_refuses_to_be_active() -> None:
    chip = begun(card_spec(), at=20)
    apdu = KEYS.mac_command(
        chip_serial8=b"CHIP0001",
        header=bytes.fromhex("84440000"),
        data=b"",
        challenge=chip.transmit(bytes.fromhex("0084000008"))[:8],
    )
    assert chip.transmit(apdu).hex() == "6985"


def test_a_false_pin_is_refused_before_activation() -> None:
    chip = blank_chip()
    with pytest.raises(FormatError, match="PIN"):
        personalise(MemoryTransport(chip), replace(card_spec(), pin="12"), KEYS)
    assert chip.state.phase is Phase.BLANK


def test_a_specification_never_shows_the_pin() -> None:
    assert PIN not in repr(card_spec())


def test_check_values_are_the_only_thing_told_about_keys(chip: Chip) -> None:
    transport: Transport = MemoryTransport(chip)
    answer, sw = transport.transmit(get_data(0x0100).to_bytes())
    assert sw == 0x9000
    for key in chip.state.keys.values():
        assert not any(key[at : at + 4] in answer for at in range(len(key) - 3))


def test_purse_files_are_not_read_on_an_active_card(chip: Chip) -> None:
    transport = MemoryTransport(chip)
    PurseSession(transport).select()
    answer, sw = transport.transmit(bytes.fromhex(f"00B08200{PurseStart.length():02X}"))
    assert (answer, sw) == (b"", 0x6982)
