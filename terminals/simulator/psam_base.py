"""Files and life of the simulated PSAM."""

from __future__ import annotations

from typing import ClassVar, Final

from terminals.card.apdu import Command
from terminals.card.commands_sam import FACTOR
from terminals.card.files import CHIP_SERIAL_EF, EF15, EF16, EF17, MASTER_FILE, Fci
from terminals.card.keys import SAM_SLOTS, KeySlot
from terminals.card.sam import PURSE_DF
from terminals.card.sam_files import SamInfo, SamManagement, SamTerminal
from terminals.card.status import StatusWord as Sw
from terminals.simulator.dispatch import Refusal, command
from terminals.simulator.filesystem import PURSE_ALIASES, FileEngine
from terminals.simulator.state import Phase, SamState

NAMES: Final = {MASTER_FILE: b"1PAY.SYS.DDF01", PURSE_DF: "建设部".encode("gbk")}


class PsamEngine(FileEngine[SamState]):
    """File tree, personalisation, and the way out of a lock."""

    TREE: ClassVar = {
        MASTER_FILE: {CHIP_SERIAL_EF: 8, EF15: SamInfo.length(), EF16: SamTerminal.length()},
        PURSE_DF: {EF17: SamManagement.length()},
    }
    ALIASES: ClassVar = dict.fromkeys(PURSE_ALIASES, PURSE_DF)

    def drop_pending(self) -> None:
        """Forget the purchase begun; its sequence number stays used."""
        self.awaited_mac2 = b""

    def fci(self, directory: int) -> Fci:
        """MF or purse DF."""
        return Fci(NAMES[directory])

    def complete(self) -> bool:
        """All files and both kinds of key."""
        slots = {KeySlot(place >> 8) for place in self.state.keys}
        return slots >= set(SAM_SLOTS) and set(self.state.files) == {EF15, EF16, EF17}

    def check_update(self, sfi: int) -> None:
        """An active module keeps who it is."""
        super().check_update(sfi)
        self.blank_only()

    def check_usable(self) -> None:
        """Refuse work outside the purse directory, before activation, and after too many false cards."""
        if self.state.phase is Phase.BLOCKED:
            raise Refusal(Sw.PERMANENTLY_LOCKED)
        if self.state.phase is not Phase.ACTIVE or self.directory != PURSE_DF:
            raise Refusal(Sw.CONDITIONS_NOT_SATISFIED)

    @command(0x80, 0x18, secured=True)
    def unblock(self, apdu: Command) -> bytes:
        """APPLICATION UNBLOCK, with the module's maintenance key or plain: clears the error counter.

        Terminals were seen to send it plain. That opens nothing: the count keeps a terminal from serving false cards.
        """
        del apdu
        if self.state.mac_failures:
            self.commit(mac_failures=0, phase=Phase.ACTIVE)
        return b""


def factors_of(data: bytes) -> list[bytes]:
    """Diversification factors in the order of use: they are sent card serial first, and used city first."""
    return [data[at : at + FACTOR] for at in range(0, len(data), FACTOR)][::-1]
