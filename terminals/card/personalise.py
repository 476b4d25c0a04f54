"""Personalise a blank card or SAM: files, keys, PIN, counters and electronic identity; read back; activate.

Both functions can be run again after the chip was pulled: what stands is kept, what is missing is written, and a chip
whose activation was done but not answered is recognised as finished. A chip begun for another number is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from terminals.card import commands
from terminals.card.apdu import Command
from terminals.card.bench import Bench, KeyWriter
from terminals.card.chipdata import LifeCycle
from terminals.card.eid_steps import CertificateIssuer, MakeKeyPair, WriteCertificate, written_certificate
from terminals.card.errors import PersonalisationError
from terminals.card.files import (
    EF02,
    EF15,
    EF16,
    EF17,
    MASTER_FILE,
    HolderInfo,
    ManagementInfo,
    PublicInfo,
    PurseStart,
)
from terminals.card.keys import INSTALL, PIN_TYPE, KeySlot, card_slots
from terminals.card.profile import T_UNION, CardProfile
from terminals.card.purse import PurseSession, pin_block
from terminals.card.sam import PURSE_DF
from terminals.card.sam_files import SamInfo, SamManagement, SamTerminal
from terminals.card.script import Listener, Step, nobody_listens, run
from terminals.card.steps import WriteFile, WriteKey
from terminals.card.transport import Transport

PIN_TRIES: Final = 3
EMPTY_PURSE: Final = PurseStart()
WITH_PURSE: Final = (2, 3)
_NOWHERE: Final = bytes(6)
"""A terminal number for a question that moves no money."""


class CardIssuer(KeyWriter, CertificateIssuer, Protocol):
    """The key service as a card needs it: its keys, and the certificate of its electronic identity."""


@dataclass(frozen=True, slots=True)
class CardSpec:
    """What a card shall become. The PIN has 4 to 12 digits; `purse` is normally empty."""

    public_info: PublicInfo
    management: ManagementInfo
    holder: HolderInfo
    pin: str = field(repr=False)
    key_version: int = 1
    purse: PurseStart = EMPTY_PURSE
    profile: CardProfile = T_UNION


@dataclass(frozen=True, slots=True)
class SamSpec:
    """What a SAM shall become. It takes cards of every purchase key version named."""

    info: SamInfo
    terminal: SamTerminal
    management: SamManagement
    purchase_versions: Sequence[int] = (1,)
    maintenance_version: int = 1


@dataclass(frozen=True, slots=True)
class WritePin:
    """The PIN. Nothing tells whether it stands, so every run writes it: the last one given counts."""

    directory: Command
    reference: int
    pin: str = field(repr=False)
    always: bool = True
    name: str = "PIN"

    def stands(self, bench: Bench) -> bool:
        """A chip without PIN would refuse to be activated."""
        del bench
        return True

    def write(self, bench: Bench) -> None:
        """WRITE KEY with the PIN's record: type1 | reference1 | tries1 | digits."""
        record = bytes([PIN_TYPE, self.reference, PIN_TRIES]) + pin_block(self.pin)
        bench.send(bytes([0x84, 0xD4, INSTALL, PIN_TYPE]), record, encrypt=True)


@dataclass(frozen=True, slots=True)
class PersonalisedCard:
    """A finished card: the chip's serial, and the certificate (DER) of its electronic identity."""

    chip_serial8: bytes
    certificate: bytes


def personalise(
    transport: Transport,
    spec: CardSpec,
    writer: CardIssuer,
    *,
    progress: Listener = nobody_listens,
    erase_begun: bool = False,
) -> PersonalisedCard:
    """Turn a blank card, or one this script began, into an active one; an active one like it is only checked.

    Nothing is active before everything was read back. `erase_begun` wipes a chip that an earlier script began, for
    whatever number. Raises PersonalisationError when the chip is another card's or reads back differently, ApduError
    when it refuses (MacRejected: its transport key is another maker's), and what `writer` raises.
    """
    bench = Bench(transport, writer)
    if erase_begun and bench.life_cycle is LifeCycle.INITIALISATION:
        bench.erase()
    application = commands.select_name(spec.profile.aid)
    _check_number(bench, application, spec)
    run(bench, list(_card_steps(bench, application, spec, writer)), progress)
    _check_purse(transport, spec)
    return PersonalisedCard(bench.chip_serial8, written_certificate(bench))


def personalise_sam(
    transport: Transport, spec: SamSpec, writer: KeyWriter, *, progress: Listener = nobody_listens
) -> bytes:
    """Turn a blank SAM, or one this script began, into an active one; returns the chip serial. As `personalise`."""
    bench = Bench(transport, writer)
    run(bench, list(_sam_steps(bench, spec, writer)), progress)
    return bench.chip_serial8


def _check_number(bench: Bench, application: Command, spec: CardSpec) -> None:
    """A chip that carries another number is not written over."""
    bench.enter(application)
    content = bench.ask(commands.read_binary(EF15, PublicInfo.length()))
    if content == bytes(len(content)):
        return
    number = spec.profile.card_number(PublicInfo.parse(content))
    if number != spec.profile.card_number(spec.public_info):
        begun = "was begun for" if bench.life_cycle is LifeCycle.INITIALISATION else "is"
        raise PersonalisationError(f"the chip {begun} card {number}")


def _card_steps(bench: Bench, application: Command, spec: CardSpec, writer: CardIssuer) -> Iterator[Step]:
    serial8, version = spec.public_info.serial8, spec.key_version
    # First of all the number: from then on nobody takes the chip for another card.
    yield WriteFile(application, EF15, spec.public_info.to_bytes())
    yield WriteFile(application, EF16, spec.holder.to_bytes(), secret_when_active=True)
    yield WriteFile(application, EF17, spec.management.to_bytes())
    yield WriteFile(application, EF02, spec.purse.to_bytes(), secret_when_active=True)
    yield WritePin(application, spec.profile.pin_reference, spec.pin)
    yield from _keys(
        bench, application, writer, card_slots(spec.public_info.application_type), version, serial8
    )
    yield MakeKeyPair()
    yield WriteCertificate(spec.public_info, writer)


def _sam_steps(bench: Bench, spec: SamSpec, writer: KeyWriter) -> Iterator[Step]:
    top, purse = commands.select_file(MASTER_FILE), commands.select_file(PURSE_DF)
    yield WriteFile(top, EF15, spec.info.to_bytes())
    yield WriteFile(top, EF16, spec.terminal.to_bytes())
    yield WriteFile(purse, EF17, spec.management.to_bytes())
    for version in spec.purchase_versions:
        yield from _keys(bench, purse, writer, [KeySlot.PURCHASE], version)
    yield from _keys(bench, purse, writer, [KeySlot.MAINTENANCE], spec.maintenance_version)


def _keys(
    bench: Bench,
    directory: Command,
    writer: KeyWriter,
    slots: Sequence[KeySlot],
    version: int,
    card_serial8: bytes | None = None,
) -> Iterator[Step]:
    values = writer.key_check_values(
        chip_serial8=bench.chip_serial8, card_serial8=card_serial8, version=version, slots=slots
    )
    for slot in slots:
        yield WriteKey(directory, slot, version, card_serial8, values[slot])


def _check_purse(transport: Transport, spec: CardSpec) -> None:
    """The active purse holds what was ordered, and no transaction was made with it."""
    if spec.public_info.application_type not in WITH_PURSE:
        return
    purse = PurseSession(transport, spec.profile)
    purse.select()
    first = purse.init_purchase(0, _NOWHERE)
    found = (purse.balance_fen(), first.overdraft_limit_fen, first.offline_atc, first.key_version)
    wanted = (
        spec.purse.balance_fen,
        spec.purse.overdraft_limit_fen,
        spec.purse.offline_atc,
        spec.key_version,
    )
    if found != wanted:
        raise PersonalisationError("the purse is not as ordered: the card was used, or its chip is faulty")
