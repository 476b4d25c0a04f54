"""Record files: appended and maintained by the issuer, written by terminals together with the purse."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from terminals.card import commands
from terminals.card.apdu import ApduError, Command, RecordNotFound
from terminals.card.commands import RecordMode
from terminals.card.crypto import TransactionType
from terminals.card.keys import KeySlot, mac_command
from terminals.card.maintenance import MaintenanceSession
from terminals.card.profile import CITY_UNION, CardProfile
from terminals.card.purse import PurseSession
from terminals.card.sam import SamSession
from terminals.card.status import StatusWord as Sw
from terminals.card.transport import exchange
from terminals.readers.memory import MemoryTransport
from terminals.simulator.card_offline import MAX_CACHED
from terminals.simulator.card_records import MAX_RECORDS
from terminals.simulator.chip import Chip
from terminals.simulator.psam import Psam
from tests.terminals.cards import KEYS, TERMINAL, WHEN, card_spec, issued_chip, public_info

CAPP = TransactionType.CAPP_PURCHASE
METRO = bytes.fromhex("27017A01") + bytes(121)
BUS = bytes.fromhex("27027D01") + bytes(124)


@dataclass
class Ride:
    """One card, its issuer's maintenance, and a terminal's SAM."""

    chip: Chip
    transport: MemoryTransport
    serial8: bytes
    purse: PurseSession
    issuer: MaintenanceSession
    sam: SamSession

    def capp(self, amount_fen: int, *writes: tuple[int, bytes, int, int]) -> None:
        """A compound purchase; writes are file, record, reference, mode."""
        init = self.purse.init_purchase(amount_fen, TERMINAL, capp=True)
        for write in writes:
            self.purse.update_capp_cache(*write)
        debit = self.sam.init_for_purchase(
            init, amount_fen=amount_fen, kind=CAPP, when=WHEN, card_serial8=self.serial8
        )
        self.sam.credit(self.purse.debit_for_purchase(debit.terminal_seq, WHEN, debit.mac1).mac2)

    def read(self, sfi: int, number: int) -> bytes:
        return exchange(self.transport, commands.read_record(sfi, number, 0))


def ride_for(psam: Psam, profile: CardProfile | None = None) -> Ride:
    spec = card_spec(balance_fen=10_000)
    if profile is not None:
        number = "3100000020915087"
        spec = replace(spec, profile=profile, public_info=public_info(number, profile))
    chip = issued_chip(spec)
    transport = MemoryTransport(chip)
    purse, sam = PurseSession(transport, spec.profile), SamSession(MemoryTransport(psam))
    purse.select()
    sam.open()
    serial8 = spec.public_info.serial8
    issuer = MaintenanceSession(transport, KEYS, serial8=serial8)
    return Ride(chip, transport, serial8, purse, issuer, sam)


@pytest.fixture
def ride(psam: Psam) -> Ride:
    """A T-Union card with a metro and a bus record."""
    ride = ride_for(psam)
    ride.issuer.append_record(0x1A, METRO)
    ride.issuer.append_record(0x1A, BUS)
    return ride


def test_records_are_read_by_number_and_by_identifier(ride: Ride) -> None:
    assert [ride.read(0x1A, number) for number in (1, 2)] == [METRO, BUS]
    assert ride.purse.record(0x1A, 0x27) == METRO
    with pytest.raises(RecordNotFound):
        ride.read(0x1A, 3)
    with pytest.raises(RecordNotFound):
        ride.purse.record(0x1A, 0x11)


def test_ef1a_is_there_before_its_first_record(psam: Psam) -> None:
    with pytest.raises(RecordNotFound):
        ride_for(psam).read(0x1A, 1)


def test_a_record_is_not_read_as_a_binary_file_nor_the_other_way_round(ride: Ride) -> None:
    for apdu in ("00B09A0004", "00B0980004", "00B09E0004", "00B201AC00"):
        assert ride.chip.transmit(bytes.fromhex(apdu)) == bytes.fromhex("6981")


def test_the_issuer_maintains_a_record(ride: Ride) -> None:
    after = BUS[:-1] + b"\x07"
    ride.issuer.update_record(0x1A, 2, after)
    assert ride.read(0x1A, 2) == after
    with pytest.raises(RecordNotFound):
        ride.issuer.update_record(0x1A, 2, after + b"\x00")
    with pytest.raises(RecordNotFound):
        ride.issuer.update_record(0x1A, 3, after)


@pytest.mark.parametrize("sfi", [0x18, 0x1E, 0x15, 0x02])
def test_logs_and_fixed_files_take_no_records(ride: Ride, sfi: int) -> None:
    with pytest.raises(ApduError) as caught:
        ride.issuer.append_record(sfi, bytes(23))
    assert caught.value.sw == Sw.WRONG_FILE_TYPE
    with pytest.raises(ApduError) as caught:
        ride.issuer.update_record(sfi, 1, bytes(23))
    assert caught.value.sw == Sw.CONDITIONS_NOT_SATISFIED


def test_a_file_of_records_is_full_one_day(ride: Ride) -> None:
    for _ in range(MAX_RECORDS - 2):
        ride.issuer.append_record(0x1A, b"\x01")
    with pytest.raises(ApduError) as caught:
        ride.issuer.append_record(0x1A, b"\x01")
    assert caught.value.sw == Sw.NO_SPACE


@pytest.mark.parametrize(
    "plain", [commands.append_record(0x1A, b"\x01"), commands.update_record(0x1A, 1, METRO)]
)
def test_plain_writing_wants_the_control_key(ride: Ride, plain: Command) -> None:
    assert ride.chip.transmit(plain.to_bytes()) == bytes.fromhex("6982")
    ride.issuer.external_authenticate(0x00)
    assert ride.chip.transmit(plain.to_bytes()) == bytes.fromhex("9000")
    ride.chip.reset()
    ride.purse.select()
    assert ride.chip.transmit(plain.to_bytes()) == bytes.fromhex("6982")


def test_a_purchase_writes_record_and_trip_or_neither(ride: Ride) -> None:
    boarded, trip = BUS[:14] + b"\x01" + BUS[15:], bytes(47) + b"\x01"
    begun = (0x1A, boarded, 2, RecordMode.BY_NUMBER), (0x1E, trip, 0, RecordMode.PREVIOUS)
    ride.capp(0, *begun)
    assert (ride.read(0x1A, 2), ride.read(0x1E, 1)) == (boarded, trip)
    alighted = BUS[:14] + b"\x02" + BUS[15:]
    ride.purse.init_purchase(200, TERMINAL, capp=True)
    ride.purse.update_capp_cache(0x1A, alighted, 2, RecordMode.BY_NUMBER)
    ride.chip.transmit(bytes.fromhex("805401000F") + bytes(15))
    assert ride.read(0x1A, 2) == boarded
    assert ride.purse.balance_fen() == 10_000
    ride.capp(200, (0x1A, alighted, 2, RecordMode.BY_NUMBER))
    assert ride.read(0x1A, 2) == alighted
    assert ride.purse.balance_fen() == 9_800


@pytest.mark.parametrize(
    ("profile", "sfi", "old", "heads"),
    [
        (None, 0x07, bytes(16), ["80DC013B10"]),  # Shanghai, record 1 by number
        (None, 0x10, bytes(16), ["80DC018410", "80DC018310"]),  # Shanghai's other file
        (None, 0x19, bytes.fromhex("AA29") + bytes(41), ["80DCAAC82B"]),  # motorway, by identifier
        (CITY_UNION, 0x17, bytes.fromhex("092E") + bytes(46), ["80DC09B830"]),  # CJ, by identifier
        (None, 0x1A, bytes.fromhex("0176") + bytes(118), ["80DC01D078"]),  # Zhangjiakou bus
        (None, 0x1A, METRO, ["80DC27D07D", "80DC01D37D", "80DC01D47D"]),
        (None, 0x1A, BUS, ["80DC27D080"]),
    ],
)
def test_the_forms_seen_in_the_field(
    psam: Psam, profile: CardProfile | None, sfi: int, old: bytes, heads: list[str]
) -> None:
    ride = ride_for(psam) if profile is None else without_management(psam)
    ride.issuer.append_record(sfi, old)
    for count, head in enumerate(heads, start=1):
        new = old[:-1] + bytes([count])
        apdu = Command.parse(bytes.fromhex(head) + new)
        ride.capp(1, (apdu.p2 >> 3, apdu.data, apdu.p1, apdu.p2 & 7))
        assert ride.read(sfi, 1) == new
    assert ride.purse.balance_fen() == 10_000 - len(heads)


def without_management(psam: Psam) -> Ride:
    """A city card whose EF17 is a file of records, as on some city-union cards."""
    ride = ride_for(psam, CITY_UNION)
    state = ride.chip.state
    ride.chip.commit(files={sfi: content for sfi, content in state.files.items() if sfi != 0x17})
    return ride


@pytest.mark.parametrize(("reference", "mode"), [(0, 0), (0, 3), (0, 4), (1, 0), (1, 3), (1, 4)])
def test_a_trip_is_new_however_the_terminal_names_its_place(ride: Ride, reference: int, mode: int) -> None:
    for number in (1, 2):
        ride.capp(0, (0x1E, bytes([number]) * 48, reference, mode))
    assert [ride.read(0x1E, number)[0] for number in (1, 2)] == [2, 1]


@pytest.mark.parametrize(
    ("sfi", "record", "reference", "mode", "sw"),
    [
        (0x1A, BUS, 3, 4, Sw.RECORD_NOT_FOUND),
        (0x1A, BUS, 0x99, 0, Sw.RECORD_NOT_FOUND),
        (0x1A, BUS[1:], 2, 4, Sw.RECORD_NOT_FOUND),
        (0x1A, BUS, 2, 5, Sw.WRONG_P1_P2),
        (0x19, BUS, 1, 4, Sw.RECORD_NOT_FOUND),
        (0x18, bytes(23), 1, 4, Sw.RECORD_NOT_FOUND),
        (0x1E, bytes(47), 0, 3, Sw.WRONG_LENGTH),
        (0x1E, bytes(48), 2, 4, Sw.RECORD_NOT_FOUND),
    ],
)
def test_a_record_that_does_not_fit_is_refused_and_the_purchase_goes_on(
    ride: Ride, sfi: int, record: bytes, reference: int, mode: int, sw: int
) -> None:
    ride.purse.init_purchase(1, TERMINAL, capp=True)
    with pytest.raises(ApduError) as caught:
        ride.purse.update_capp_cache(sfi, record, reference, mode)
    assert caught.value.sw == sw
    ride.purse.update_capp_cache(0x1A, BUS, 2, RecordMode.BY_NUMBER)


def test_the_cache_is_small(ride: Ride) -> None:
    ride.purse.init_purchase(1, TERMINAL, capp=True)
    for _ in range(MAX_CACHED):
        ride.purse.update_capp_cache(0x1A, BUS, 2, RecordMode.BY_NUMBER)
    with pytest.raises(ApduError) as caught:
        ride.purse.update_capp_cache(0x1A, BUS, 2, RecordMode.BY_NUMBER)
    assert caught.value.sw == Sw.NO_SPACE


def test_a_protected_read_shows_the_issuer_the_holder_without_pin(ride: Ride) -> None:
    key = KEYS.of(KeySlot.MAINTENANCE, ride.serial8)
    assert ride.chip.transmit(bytes.fromhex("00B0960037")) == bytes.fromhex("6982")
    challenge = exchange(ride.transport, commands.get_challenge())
    apdu = mac_command(key, bytes.fromhex("04B09600"), b"", challenge) + b"\x37"
    answer = ride.chip.transmit(apdu)
    assert answer.endswith(b"\x90\x00")
    assert "张晓明".encode("gb18030") in answer
    challenge = exchange(ride.transport, commands.get_challenge())
    apdu = mac_command(bytes(16), bytes.fromhex("04B09600"), b"", challenge) + b"\x37"
    assert ride.chip.transmit(apdu) == bytes.fromhex("6988")
