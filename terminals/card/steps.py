"""Steps of personalisation that cards and SAMs share: a file, a key."""

from __future__ import annotations

from dataclasses import dataclass

from terminals.card import commands
from terminals.card.apdu import Command
from terminals.card.bench import Bench
from terminals.card.chipdata import KeyEntry, LifeCycle
from terminals.card.keys import KeySlot


@dataclass(frozen=True, slots=True)
class WriteFile:
    """A transparent file, written with MAC. `secret_when_active`: an issued chip does not show it to us."""

    directory: Command
    sfi: int
    content: bytes
    secret_when_active: bool = False
    always: bool = False

    @property
    def name(self) -> str:
        """EF and its short identifier."""
        return f"EF{self.sfi:02X}"

    def stands(self, bench: Bench) -> bool:
        """Whether it reads back as it shall be."""
        if self.secret_when_active and bench.life_cycle is LifeCycle.ACTIVATED:
            return True
        return bench.ask(commands.read_binary(self.sfi, len(self.content))) == self.content

    def write(self, bench: Bench) -> None:
        """UPDATE BINARY."""
        bench.send(bytes([0x04, 0xD6, 0x80 | self.sfi, 0x00]), self.content)


@dataclass(frozen=True, slots=True)
class WriteKey:
    """A key; `check_value` is what the key service says it must have."""

    directory: Command
    slot: KeySlot
    version: int
    card_serial8: bytes | None
    check_value: bytes
    always: bool = False

    @property
    def name(self) -> str:
        """Slot and version."""
        return f"key {self.slot.name} {self.version}"

    @property
    def entry(self) -> KeyEntry:
        """How the chip lists it."""
        return KeyEntry(self.slot, self.version, self.check_value)

    def stands(self, bench: Bench) -> bool:
        """Whether the chip lists the key with the right check value."""
        return self.entry in bench.keys

    def write(self, bench: Bench) -> None:
        """WRITE KEY."""
        bench.write_key(self.slot, self.version, self.card_serial8)
