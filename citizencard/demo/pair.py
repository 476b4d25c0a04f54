"""A card and a SAM for somebody else's program to try: personalised with the demo keys, known to no city."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from django.conf import settings

from citizencard.core.keyservice.client import KeyServiceClient
from citizencard.demo.hardware import ChipFactory
from terminals.card.compound import BusRecord, BusStop, MetroPass, MetroRecord
from terminals.card.files import HolderInfo, ManagementInfo, PublicInfo, PurseStart
from terminals.card.maintenance import MaintenanceSession
from terminals.card.personalise import CardSpec, SamSpec, personalise, personalise_sam
from terminals.card.profile import T_UNION
from terminals.card.purse import PurseSession
from terminals.card.sam_files import SamInfo, SamManagement, SamTerminal
from terminals.readers.memory import MemoryTransport
from terminals.simulator.chip import Chip
from terminals.simulator.psam import Psam
from terminals.simulator.state import Phase

NUMBER: Final = "3104397000000000001"
TERMINAL_NO: Final = "397000000101"
PIN: Final = "123456"
BALANCE_FEN: Final = 10_000
FIRST_DAY: Final = date(2026, 1, 1)
LAST_DAY: Final = date(2046, 12, 31)
EF1A: Final = 0x1A
WITH_DEPOSIT: Final = 3


@dataclass(frozen=True)
class Pair:
    """The maker's shelf and the key service that personalises what comes from it."""

    factory: ChipFactory
    keys: KeyServiceClient

    def card(self) -> Chip:
        """The card on the shelf, personalised the first time: 100.00 in the purse, an empty deposit, records for CAPP."""
        if self.factory.has(NUMBER) and self.factory.card(NUMBER).state.phase is Phase.ACTIVE:
            return self.factory.card(NUMBER)
        chip = self.factory.blank_card(NUMBER)
        transport, info = MemoryTransport(chip), _public_info()
        spec = CardSpec(
            public_info=info,
            management=ManagementInfo("00000156", "3900", "3970", 1, 1),
            holder=HolderInfo(1),
            pin=PIN,
            purse=PurseStart(BALANCE_FEN),
        )
        personalise(transport, spec, self.keys)
        PurseSession(transport).select()
        issuer = MaintenanceSession(transport, self.keys, serial8=info.serial8)
        nowhere, no_stop = _no_pass(), _no_stop()
        serial = info.serial8.hex()
        issuer.append_record(EF1A, MetroRecord(serial=serial, entry=nowhere, exit=nowhere).to_bytes())
        issuer.append_record(EF1A, BusRecord(serial=serial, boarding=no_stop, alighting=no_stop).to_bytes())
        return chip

    def sam(self) -> Psam:
        """The SAM on the shelf, for cards of both demo key versions."""
        name = f"sam-{TERMINAL_NO}"
        if self.factory.has(name) and self.factory.sam(name).state.phase is Phase.ACTIVE:
            return self.factory.sam(name)
        sam = self.factory.blank_sam(name)
        spec = SamSpec(
            info=SamInfo(serial=TERMINAL_NO.zfill(20)),
            terminal=SamTerminal(bytes.fromhex(TERMINAL_NO)),
            management=SamManagement(1, _issuer(), _issuer(), FIRST_DAY, LAST_DAY),
            purchase_versions=(1, 2),
        )
        personalise_sam(MemoryTransport(sam), spec, self.keys)
        return sam


def _issuer() -> bytes:
    return bytes.fromhex(f"0101{settings.ISSUER_CODE}FFFFFFFF")


def _public_info() -> PublicInfo:
    return PublicInfo(
        issuer_id=_issuer(),
        application_type=WITH_DEPOSIT,
        version=1,
        serial=T_UNION.serial_of(NUMBER),
        start=FIRST_DAY,
        expiry=LAST_DAY,
    )


def _no_pass() -> MetroPass:
    return MetroPass("0000", bytes(8), bytes(8), bytes(8), None)


def _no_stop() -> BusStop:
    return BusStop("0000", bytes(8), bytes(2), bytes(2), 0, bytes(8), bytes(8), None)
