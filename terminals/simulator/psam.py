"""A complete software PSAM: terminal number, purchase master keys, sequence number that never repeats."""

from __future__ import annotations

import hmac
from pathlib import Path
from typing import ClassVar, Final, Self

from terminals.card.apdu import Command
from terminals.card.commands_sam import FACTOR, MAX_LEVELS
from terminals.card.crypto import des_mac, diversify_levels, purchase_mac2, purchase_session_key
from terminals.card.files import EF16
from terminals.card.keys import KeySlot
from terminals.card.messages import SamInitData
from terminals.card.status import StatusWord as Sw
from terminals.simulator.dispatch import Refusal, command
from terminals.simulator.psam_base import factors_of
from terminals.simulator.psam_cipher import CipherEngine
from terminals.simulator.state import Phase, SamState
from terminals.simulator.store import DirectoryStore, Store

MAC2_FAILURE_LIMIT: Final = 10
"""Wrong MAC2s in a row before the module locks; a handful of false cards must not stop a bus."""
FIXED_BYTES: Final = SamInitData.length()


class Psam(CipherEngine):
    """One SAM. Blank until personalised and activated; `transmit` takes an APDU and returns data and status word."""

    ATR: ClassVar[bytes] = bytes.fromhex("3B650000") + b"CPSAM"
    CONTACTS: ClassVar[bool] = True

    @classmethod
    def create(cls, directory: Path, *, chip_serial8: bytes, transport_key16: bytes) -> Self:
        """A blank module kept in a directory; it knows its serial and its transport key only."""
        return cls.blank(
            DirectoryStore(directory), chip_serial8=chip_serial8, transport_key16=transport_key16
        )

    @classmethod
    def blank(cls, store: Store, *, chip_serial8: bytes, transport_key16: bytes) -> Self:
        """A blank module in any store."""
        state = SamState(chip_serial=chip_serial8, transport_key=transport_key16)
        store.save(state.pack())
        return cls(store, state)

    @classmethod
    def open(cls, directory: Path) -> Self:
        """The module kept in a directory."""
        return cls.load(DirectoryStore(directory))

    @classmethod
    def load(cls, store: Store) -> Self:
        """The module kept in a store, as after power on."""
        return cls(store, SamState.unpack(store.load()))

    @command(0x80, 0x70, answer=8)
    def init_for_purchase(self, apdu: Command) -> bytes:
        """INIT SAM FOR PURCHASE: next sequence number and MAC1."""
        self.check_usable()
        fixed, factors = apdu.data[:FIXED_BYTES], apdu.data[FIXED_BYTES:]
        if len(factors) not in range(FACTOR, MAX_LEVELS * FACTOR + 1, FACTOR):
            raise Refusal(Sw.WRONG_LENGTH)
        # The time stays as it came: a SAM has no clock to judge it by, and the card checks it.
        rand, atc, signed = fixed[:4], int.from_bytes(fixed[4:6]), fixed[6:18]
        dpk = diversify_levels(self.key(KeySlot.PURCHASE, fixed[18]), *factors_of(factors))
        sequence = self._take_sequence()
        sespk = purchase_session_key(dpk, rand, atc, sequence)
        terminal_no = self.state.files[EF16]
        self.awaited_mac2 = purchase_mac2(sespk, int.from_bytes(signed[:4]))
        return sequence.to_bytes(4) + des_mac(sespk, signed[:5] + terminal_no + signed[5:])

    def _take_sequence(self) -> int:
        sequence = self.state.terminal_seq
        if sequence >= 1 << 32:
            raise Refusal(Sw.COUNTER_EXHAUSTED)
        self.commit(terminal_seq=sequence + 1)
        return sequence

    @command(0x80, 0x72, keeps_pending=True)
    def credit_for_purchase(self, apdu: Command) -> bytes:
        """CREDIT SAM FOR PURCHASE: check the card's MAC2 once."""
        self.check_usable()
        mac2, self.awaited_mac2 = self.awaited_mac2, b""
        if not mac2:
            raise Refusal(Sw.NOT_IN_THIS_STATE)
        if not hmac.compare_digest(mac2, apdu.data):
            self._count_failure()
            raise Refusal(Sw.PURSE_MAC_WRONG)
        if self.state.mac_failures:
            self.commit(mac_failures=0)
        return b""

    def _count_failure(self) -> None:
        failures = self.state.mac_failures + 1
        phase = Phase.BLOCKED if failures >= MAC2_FAILURE_LIMIT else self.state.phase
        self.commit(mac_failures=failures, phase=phase)
