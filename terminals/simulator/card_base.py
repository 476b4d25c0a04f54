"""The simulated card's files and what its other parts share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Final

from terminals.card.apdu import Command
from terminals.card.errors import FormatError
from terminals.card.files import (
    CHIP_SERIAL_EF,
    EF02,
    EF1E,
    EF15,
    EF16,
    EF17,
    EF18,
    MASTER_FILE,
    Fci,
    HolderInfo,
    ManagementInfo,
    PublicInfo,
    PurseStart,
)
from terminals.card.keys import CARD_SLOTS, PIN_TYPE, KeySlot
from terminals.card.profile import PROFILES, CardProfile
from terminals.card.status import StatusWord as Sw
from terminals.simulator.dispatch import Refusal, command
from terminals.simulator.filesystem import FileEngine
from terminals.simulator.state import CardState, Phase

PURSE_DF: Final = 0x3F01
FCI_VERSION: Final = 0x02


@dataclass(slots=True)
class Pending:
    """A transaction begun by INITIALIZE: everything its second half needs."""

    mode: int
    amount_fen: int
    terminal_no: bytes
    session: bytes
    """Session key of a load; the random number of a purchase, whose key waits for the terminal sequence."""
    cached: list[bytes] = field(default_factory=list)
    """Records waiting in the CAPP cache."""


class CardEngine(FileEngine[CardState]):
    """File tree, records and personalisation of a purse card."""

    TREE: ClassVar = {
        MASTER_FILE: {CHIP_SERIAL_EF: 8},
        PURSE_DF: {
            EF02: PurseStart.length(),
            EF15: PublicInfo.length(),
            EF16: HolderInfo.length(),
            EF17: ManagementInfo.length(),
        },
    }

    @property
    def profile(self) -> CardProfile:
        """The card family this chip is a mask of."""
        return next(profile for profile in PROFILES if profile.code == self.state.profile)

    def drop_volatile(self) -> None:
        """Back to the MF, PIN not verified."""
        super().drop_volatile()
        self.pin_verified = False

    def drop_pending(self) -> None:
        """Forget the transaction begun and its cached records."""
        self.pending: Pending | None = None

    def fci(self, directory: int) -> Fci:
        """MF, or the application with EF15 once it is written."""
        if directory == MASTER_FILE:
            return Fci(b"1PAY.SYS.DDF01")
        content = self.state.files.get(EF15)
        return Fci(self.profile.aid, FCI_VERSION, PublicInfo.parse(content) if content else None)

    def check_read(self, sfi: int) -> None:
        """The holder's data wants the PIN; the purse file is never read."""
        if sfi == EF02 or (sfi == EF16 and self.state.phase is not Phase.BLANK and not self.pin_verified):
            raise Refusal(Sw.SECURITY_NOT_SATISFIED)

    def check_update(self, sfi: int) -> None:
        """Number and purse are fixed by activation; holder and management data stay maintainable."""
        super().check_update(sfi)
        if sfi in (EF02, EF15):
            self.blank_only()

    def write_file(self, sfi: int, content: bytes) -> None:
        """The purse file goes into the purse; a false EF15 is refused, as FCI and keys hang on it."""
        try:
            if sfi == EF15:
                PublicInfo.parse(content)
            start = PurseStart.parse(content) if sfi == EF02 else None
        except FormatError as error:
            raise Refusal(Sw.WRONG_DATA) from error
        if start is None:
            super().write_file(sfi, content)
            return
        self.commit(
            balance_fen=start.balance_fen,
            overdraft_limit_fen=start.overdraft_limit_fen,
            online_atc=start.online_atc,
            offline_atc=start.offline_atc,
        )

    def install(self, record: bytes) -> None:
        """A key, or the PIN: 3A | reference1 | tries1 | digits."""
        if record[0] != PIN_TYPE:
            super().install(record)
            return
        if not 5 <= len(record) <= 9 or not 1 <= record[2] <= 15:
            raise Refusal(Sw.WRONG_DATA)
        self.commit(pin=record[3:], pin_tries=record[2], pin_limit=record[2])

    def complete(self) -> bool:
        """Every key, the three files and a PIN."""
        slots = {KeySlot(place >> 8) for place in self.state.keys}
        return (
            slots >= set(CARD_SLOTS) and set(self.state.files) >= {EF15, EF16, EF17} and bool(self.state.pin)
        )

    @command(0x00, 0xB2)
    def read_record(self, apdu: Command) -> bytes:
        """READ RECORD by number from the cyclic files EF18 and EF1E; 1 is the newest."""
        if self.directory != PURSE_DF or apdu.p2 & 0x07 != 4:
            raise Refusal(Sw.WRONG_P1_P2)
        files = {EF18: self.state.log, EF1E: self.state.trips}
        records = files.get(apdu.p2 >> 3)
        if records is None or (apdu.p2 >> 3 == EF1E and not self.profile.has_trips):
            raise Refusal(Sw.FILE_NOT_FOUND)
        if not 1 <= apdu.p1 <= len(records):
            raise Refusal(Sw.RECORD_NOT_FOUND)
        record = records[apdu.p1 - 1]
        if apdu.le not in (None, 0, len(record)):
            raise Refusal(0x6C00 | len(record))
        return record
