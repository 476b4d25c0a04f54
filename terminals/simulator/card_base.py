"""The simulated card's files and what its other parts share."""

from __future__ import annotations

from typing import ClassVar, Final

from terminals.card.commands import DEPOSIT, PURSE
from terminals.card.errors import FormatError
from terminals.card.files import (
    CHIP_SERIAL_EF,
    EF02,
    EF15,
    EF16,
    EF17,
    MASTER_FILE,
    Fci,
    HolderInfo,
    ManagementInfo,
    PublicInfo,
    PurseStart,
)
from terminals.card.keys import PIN_TYPE, KeySlot, card_slots
from terminals.card.profile import PROFILES, CardProfile
from terminals.card.status import StatusWord as Sw
from terminals.simulator.dispatch import Refusal
from terminals.simulator.filesystem import PURSE_ALIASES, FileEngine
from terminals.simulator.state import CardState, Phase
from terminals.simulator.transactions import Pending

PURSE_DF: Final = 0x3F01
FCI_VERSION: Final = 0x02
PURSES: Final = {1: {DEPOSIT}, 2: {PURSE}, 3: {DEPOSIT, PURSE}}
"""Application type (EF15) -> purses on the card."""


class CardEngine(FileEngine[CardState]):
    """File tree and personalisation of a purse card."""

    TREE: ClassVar = {
        MASTER_FILE: {CHIP_SERIAL_EF: 8},
        PURSE_DF: {
            EF02: PurseStart.length(),
            EF15: PublicInfo.length(),
            EF16: HolderInfo.length(),
            EF17: ManagementInfo.length(),
        },
    }
    ALIASES: ClassVar = dict.fromkeys(PURSE_ALIASES, PURSE_DF)

    @property
    def profile(self) -> CardProfile:
        """The card family this chip is a mask of."""
        return next(profile for profile in PROFILES if profile.code == self.state.profile)

    @property
    def application_type(self) -> int:
        """As EF15 says; a blank chip counts as an electronic purse."""
        content = self.state.files.get(EF15, b"")
        return PublicInfo.parse(content).application_type if content else 2

    @property
    def purses(self) -> set[int]:
        """Selectors of the purses on this card."""
        return PURSES.get(self.application_type, {PURSE})

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
        content = self.state.files.get(EF15, b"")
        return Fci(self.profile.aid, FCI_VERSION, content)

    def check_read(self, sfi: int) -> None:
        """An issued card's holder data want the PIN or the issuer's MAC; its purse file is never read."""
        if self.state.phase is Phase.BLANK:
            return
        if sfi == EF02 or (sfi == EF16 and not (self.pin_verified or self.secured)):
            raise Refusal(Sw.SECURITY_NOT_SATISFIED)

    def content(self, sfi: int) -> bytes:
        """A file's content; the purse file's is the purse itself."""
        if sfi != EF02:
            return super().content(sfi)
        state = self.state
        start = PurseStart(state.balance_fen, state.overdraft_limit_fen, state.online_atc, state.offline_atc)
        return start.to_bytes()

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
        """Every key the card's purses need, the three files and a PIN."""
        needed = set(card_slots(self.application_type))
        slots = {KeySlot(place >> 8) for place in self.state.keys}
        files = {*self.state.files, *self.state.records}
        return slots >= needed and files >= {EF15, EF16, EF17} and bool(self.state.pin)
