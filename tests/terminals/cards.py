"""Sample chips for the tests: a key writer that holds its masters in the open, blank and personalised chips."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from citizencard.core.keyservice.certificates import CardAuthority
from terminals.card.crypto import (
    TransactionType,
    diversify,
    diversify_levels,
    kcv,
    load_mac2,
    load_session_key,
    overdraft_mac2,
)
from terminals.card.files import HolderInfo, ManagementInfo, PublicInfo, PurseStart
from terminals.card.keys import (
    KeyRecord,
    KeySlot,
    mac_command,
    maintenance_apdu,
    maintenance_slot,
    write_key_command,
)
from terminals.card.messages import LoadInit, OverdraftInit, PurchaseInit, PurchaseProof
from terminals.card.personalise import CardSpec, SamSpec, personalise, personalise_sam
from terminals.card.profile import T_UNION, CardProfile
from terminals.card.purse import PurseSession
from terminals.card.sam import SamSession
from terminals.card.sam_files import SamInfo, SamManagement, SamTerminal
from terminals.card.transport import Transport
from terminals.readers.memory import MemoryTransport
from terminals.simulator.chip import Chip
from terminals.simulator.psam import Psam
from terminals.simulator.store import MemoryStore, Store

TRANSPORT_MASTER = bytes.fromhex("0F1E2D3C4B5A69788796A5B4C3D2E1F0")
ISSUER = bytes.fromhex("3620362036203620")
PIN = "123456"
TERMINAL = bytes.fromhex("362000000017")
COUNTER = bytes.fromhex("362000009999")
CARD_NUMBER = "3105883700000000123"
CARD_CA = CardAuthority(bytes(range(64)), 1)
WHEN = datetime.fromisoformat("2026-11-20T08:15:30")


class SampleKeyWriter:
    """Stands for the key service. Masters are made up per slot and version; `of` tells the derived keys."""

    def master(self, slot: KeySlot, version: int) -> bytes:
        """City master of a slot and version, brought down to the issuer."""
        return diversify(bytes([slot, version]) * 8, ISSUER)

    def of(self, slot: KeySlot, card_serial8: bytes | None, version: int = 1) -> bytes:
        """The key as it stands on the chip."""
        master = self.master(slot, version)
        return master if card_serial8 is None else diversify_levels(master, card_serial8)

    def write_key_command(
        self,
        *,
        chip_serial8: bytes,
        slot: KeySlot,
        version: int,
        card_serial8: bytes | None,
        challenge: bytes,
    ) -> bytes:
        """As the protocol."""
        record = KeyRecord(slot, version, self.of(slot, card_serial8, version))
        return write_key_command(diversify(TRANSPORT_MASTER, chip_serial8), record, challenge)

    def mac_command(
        self, *, chip_serial8: bytes, header: bytes, data: bytes, challenge: bytes, encrypt: bool = False
    ) -> bytes:
        """As the protocol."""
        return mac_command(
            diversify(TRANSPORT_MASTER, chip_serial8), header, data, challenge, encrypt=encrypt
        )

    def key_check_values(
        self, *, chip_serial8: bytes, card_serial8: bytes | None, version: int, slots: Iterable[KeySlot]
    ) -> dict[KeySlot, bytes]:
        """As the protocol."""
        return {slot: kcv(self.of(slot, card_serial8, version)) for slot in slots}

    def issue_card_certificate(
        self, *, card_serial8: bytes, public_key: bytes, valid_from: date, valid_to: date
    ) -> bytes:
        """As the protocol."""
        return CARD_CA.issue(card_serial8, public_key, valid_from, valid_to)

    def maintenance_command(
        self,
        *,
        card_serial8: bytes,
        version: int,
        header: bytes,
        data: bytes,
        challenge: bytes,
        encrypt: bool = False,
    ) -> bytes:
        """As the protocol of maintenance."""
        key = self.of(maintenance_slot(header), card_serial8, version)
        return maintenance_apdu(key, header, data, challenge, encrypt=encrypt)

    def session(self, slot: KeySlot, card_serial8: bytes, init: LoadInit | OverdraftInit) -> bytes:
        """The session key of an online transaction, as the host has it."""
        return load_session_key(self.of(slot, card_serial8), init.rand, init.online_atc)

    def mac2(
        self,
        card_serial8: bytes,
        init: LoadInit,
        amount_fen: int,
        when: datetime = WHEN,
        kind: TransactionType = TransactionType.LOAD,
    ) -> bytes:
        """What the host answers a load or an unload with."""
        slot = KeySlot.UNLOAD if kind is TransactionType.UNLOAD else KeySlot.LOAD
        return load_mac2(self.session(slot, card_serial8, init), amount_fen, kind, COUNTER, when)

    def limit_mac2(
        self, card_serial8: bytes, init: OverdraftInit, limit_fen: int, when: datetime = WHEN
    ) -> bytes:
        """What the host answers an update of the overdraft limit with."""
        return overdraft_mac2(self.session(KeySlot.OVERDRAFT, card_serial8, init), limit_fen, COUNTER, when)


KEYS = SampleKeyWriter()


def public_info(
    number: str = CARD_NUMBER, profile: CardProfile = T_UNION, application_type: int = 2
) -> PublicInfo:
    """EF15 of a sample card; type 2 has the electronic purse only, 3 an electronic deposit as well."""
    return PublicInfo(
        issuer_id=bytes.fromhex("01013620FFFFFFFF"),
        application_type=application_type,
        version=1,
        serial=profile.serial_of(number),
        start=date(2026, 1, 1),
        expiry=date(2046, 12, 31),
    )


def card_spec(
    number: str = CARD_NUMBER,
    balance_fen: int = 0,
    overdraft_limit_fen: int = 0,
    offline_atc: int = 0,
    *,
    application_type: int = 2,
    online_atc: int = 0,
) -> CardSpec:
    """A real-name T-Union card."""
    return CardSpec(
        public_info=public_info(number, application_type=application_type),
        management=ManagementInfo("00000156", "3900", "3970", 1, 1),
        holder=HolderInfo(1, 0, "张晓明", "110101199003074557", 0),
        pin=PIN,
        purse=PurseStart(balance_fen, overdraft_limit_fen, online_atc, offline_atc),
    )


def sam_spec(terminal_no: bytes = TERMINAL) -> SamSpec:
    """A SAM for one terminal."""
    management = SamManagement(1, ISSUER, ISSUER, date(2026, 1, 1), date(2036, 12, 31))
    return SamSpec(SamInfo("36200000000000000017"), SamTerminal(terminal_no), management, (1, 2))


def blank_chip(
    store: Store | None = None, serial: bytes = b"CHIP0001", profile: CardProfile = T_UNION
) -> Chip:
    """A blank card."""
    key = diversify(TRANSPORT_MASTER, serial)
    return Chip.blank(store or MemoryStore(), chip_serial8=serial, transport_key16=key, profile=profile)


def blank_psam(store: Store | None = None, serial: bytes = b"PSAM0001") -> Psam:
    """A blank SAM."""
    key = diversify(TRANSPORT_MASTER, serial)
    return Psam.blank(store or MemoryStore(), chip_serial8=serial, transport_key16=key)


def issued_chip(spec: CardSpec | None = None, store: Store | None = None) -> Chip:
    """A card personalised to `spec`."""
    spec = spec or card_spec()
    chip = blank_chip(store, profile=spec.profile)
    personalise(MemoryTransport(chip), spec, KEYS)
    chip.reset()
    return chip


def issued_psam(store: Store | None = None, terminal_no: bytes = TERMINAL) -> Psam:
    """A SAM in working order."""
    psam = blank_psam(store)
    personalise_sam(MemoryTransport(psam), sam_spec(terminal_no), KEYS)
    psam.reset()
    return psam


@dataclass
class Till:
    """A terminal in miniature: a card reader and an opened SAM."""

    purse: PurseSession
    sam: SamSession

    @classmethod
    def over(cls, card: Transport, sam: Transport) -> Till:
        """Open the SAM; the card is selected at each use."""
        session = SamSession(sam)
        session.open()
        return cls(PurseSession(card), session)

    def load(self, amount_fen: int) -> tuple[LoadInit, bytes]:
        """A whole load; returns the card's first answer and its TAC."""
        serial8 = self._selected()
        self.purse.verify_pin(PIN)
        init = self.purse.init_load(amount_fen, COUNTER)
        return init, self.purse.credit_for_load(WHEN, KEYS.mac2(serial8, init, amount_fen))

    def pay(self, amount_fen: int) -> tuple[PurchaseInit, int, PurchaseProof]:
        """A whole purchase; returns the card's first answer, the terminal sequence and the proof."""
        serial8 = self._selected()
        init = self.purse.init_purchase(amount_fen, TERMINAL)
        debit = self.sam.init_for_purchase(
            init, amount_fen=amount_fen, kind=TransactionType.PURCHASE, when=WHEN, card_serial8=serial8
        )
        proof = self.purse.debit_for_purchase(debit.terminal_seq, WHEN, debit.mac1)
        self.sam.credit(proof.mac2)
        return init, debit.terminal_seq, proof

    def _selected(self) -> bytes:
        info = self.purse.select().public_info
        assert info is not None
        return info.serial8
