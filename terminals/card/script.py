"""A script of personalisation: steps that know whether they stand already, so that it can be broken off anywhere.

Every step reads its own result back. A run does what is missing, then goes through all steps once more, and only when
all of them stand is the chip activated. Run again after the chip was pulled, the script takes up where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from terminals.card import chipdata, commands
from terminals.card.apdu import Command
from terminals.card.chipdata import KeyEntry, LifeCycle
from terminals.card.errors import PersonalisationError
from terminals.card.files import CHIP_SERIAL_EF, MASTER_FILE
from terminals.card.keys import KeySlot
from terminals.card.transport import ResponseChain, Transport, exchange

CHALLENGE_BYTES: Final = 8
ACTIVATE_HEADER: Final = bytes.fromhex("84440000")
ERASE_HEADER: Final = bytes.fromhex("840E0000")


class KeyWriter(Protocol):
    """Makes the secure-messaging commands of personalisation; the key service does, so that no key leaves it.

    The chip's transport key is diversify(transport master, chip serial8). All answers are whole APDUs.
    """

    def write_key_command(
        self,
        *,
        chip_serial8: bytes,
        slot: KeySlot,
        version: int,
        card_serial8: bytes | None,
        challenge: bytes,
    ) -> bytes:
        """WRITE KEY with the slot's key (see `keys.write_key_command`).

        The key is the master of that version, issuer level applied, diversified by `card_serial8`. For a SAM
        `card_serial8` is None: PURCHASE stays at the issuer's level.
        """

    def mac_command(
        self, *, chip_serial8: bytes, header: bytes, data: bytes, challenge: bytes, encrypt: bool = False
    ) -> bytes:
        """A command in secure messaging under the chip's transport key (see `keys.mac_command`)."""

    def key_check_values(
        self, *, chip_serial8: bytes, card_serial8: bytes | None, version: int, slots: Iterable[KeySlot]
    ) -> Mapping[KeySlot, bytes]:
        """Check values (3 bytes) of the keys `write_key_command` would write into these slots."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What the script is about to do: step `number` of `total`, for a clerk's screen."""

    number: int
    total: int
    step: str


Listener = Callable[[Progress], None]


def nobody_listens(progress: Progress) -> None:
    """The listener of a run that nobody watches."""


class Step(Protocol):
    """One part of the chip's content."""

    @property
    def name(self) -> str:
        """What is written, for progress and errors; no content."""

    @property
    def directory(self) -> Command:
        """The SELECT that leads to where it is written."""

    @property
    def always(self) -> bool:
        """Whether it is written on every run because it cannot be read back."""

    def stands(self, bench: Bench) -> bool:
        """Whether the chip holds it already, as far as it can be read."""

    def write(self, bench: Bench) -> None:
        """Write it. Doing so twice leaves the same."""


class Bench:
    """One chip under personalisation, and who makes its commands."""

    def __init__(self, transport: Transport, writer: KeyWriter) -> None:
        """Read who the chip is."""
        self.transport = ResponseChain(transport)
        self._writer = writer
        self._directory: Command | None = None
        self.chip_serial8 = chip_serial(self.transport)
        self.refresh()

    def refresh(self) -> None:
        """Ask the chip for its state and keys."""
        self.life_cycle = chipdata.parse_life_cycle(self.ask(chipdata.get_data(chipdata.LIFE_CYCLE)))
        self.keys = chipdata.parse_key_information(self.ask(chipdata.get_data(chipdata.KEY_INFORMATION)))

    def ask(self, command: Command) -> bytes:
        """A command in clear; its answer."""
        return exchange(self.transport, command)

    def enter(self, directory: Command) -> None:
        """SELECT unless selected."""
        if directory != self._directory:
            self.ask(directory)
            self._directory = directory

    def leave(self) -> None:
        """Count on no selection any more."""
        self._directory = None

    def send(self, header: bytes, data: bytes = b"", *, encrypt: bool = False) -> bytes:
        """A command under the transport key; its answer."""
        apdu = self._writer.mac_command(
            chip_serial8=self.chip_serial8,
            header=header,
            data=data,
            challenge=self._challenge(),
            encrypt=encrypt,
        )
        return self.ask(Command.parse(apdu))

    def write_key(self, slot: KeySlot, version: int, card_serial8: bytes | None) -> None:
        """WRITE KEY, made by the key writer."""
        apdu = self._writer.write_key_command(
            chip_serial8=self.chip_serial8,
            slot=slot,
            version=version,
            card_serial8=card_serial8,
            challenge=self._challenge(),
        )
        self.ask(Command.parse(apdu))

    def _challenge(self) -> bytes:
        return self.ask(commands.get_challenge(CHALLENGE_BYTES))


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


def run(bench: Bench, steps: Sequence[Step], listener: Listener) -> None:
    """Bring the chip to where all steps stand and activate it; an active chip is only checked.

    Raises PersonalisationError when something reads back differently, ApduError when the chip refuses.
    """
    total = len(steps) + 2
    if bench.life_cycle is LifeCycle.INITIALISATION:
        for number, step in enumerate(steps, start=1):
            listener(Progress(number, total, step.name))
            bench.enter(step.directory)
            if step.always or not step.stands(bench):
                step.write(bench)
    listener(Progress(total - 1, total, "read back"))
    _check(bench, steps)
    if bench.life_cycle is LifeCycle.INITIALISATION:
        listener(Progress(total, total, "activate"))
        bench.send(ACTIVATE_HEADER)
        bench.refresh()
    if bench.life_cycle is not LifeCycle.ACTIVATED:
        raise PersonalisationError("the chip is not active")


def start_over(bench: Bench) -> None:
    """ERASE what an earlier script left on the chip; impossible once it is active."""
    bench.send(ERASE_HEADER)
    bench.leave()
    bench.refresh()


def chip_serial(transport: Transport) -> bytes:
    """The chip maker's serial, 8 bytes: EF05 of the MF, free to read on blank and issued chips."""
    exchange(transport, commands.select_file(MASTER_FILE))
    return exchange(transport, commands.read_binary(CHIP_SERIAL_EF, 8))


def _check(bench: Bench, steps: Sequence[Step]) -> None:
    """Read everything back, and let the chip hold no key that was not wanted."""
    bench.refresh()
    bench.leave()
    for step in steps:
        bench.enter(step.directory)
        if not step.stands(bench):
            raise PersonalisationError(f"{step.name} reads back differently from what was written")
    wanted = [step.entry for step in steps if isinstance(step, WriteKey)]
    for entry in bench.keys:
        if entry not in wanted:
            raise PersonalisationError(
                f"the chip holds a key of type {entry.kind:02X} version {entry.version} it should not"
            )
