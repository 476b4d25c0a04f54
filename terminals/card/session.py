"""What the electronic purse and the electronic deposit have in common: files, PIN, load, purchase, proof."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import ClassVar, Final, TypeVar

from terminals.card import commands
from terminals.card.apdu import RecordNotFound
from terminals.card.commands import BalancePart, InitMode
from terminals.card.errors import FormatError
from terminals.card.files import EF15, EF16, EF17, Fci, HolderInfo, LogRecord, ManagementInfo, PublicInfo
from terminals.card.layout import Layout
from terminals.card.messages import LoadInit, PurchaseProof, TransactionProof
from terminals.card.pin import pin_block
from terminals.card.places import is_empty
from terminals.card.profile import T_UNION, CardProfile
from terminals.card.transport import ResponseChain, Transport, exchange, read

LOG_RECORDS: Final = 10
BALANCE_MASK: Final = 0x7FFF_FFFF
"""Some cards set the balance's top bit; it is a flag, not money."""

Record = TypeVar("Record", bound=Layout)


class MoneySession:
    """One store of value on one card. Amounts in fen; times naive Asia/Shanghai, or aware and converted.

    Every method raises `ApduError` when the chip refuses and `TransportError` when the line fails. After a
    TransportError in a `credit_…`, `debit_…` or `update_overdraft_limit` the outcome is unknown: ask
    `transaction_prove`.
    """

    SELECTOR: ClassVar[int]
    """P2 of the purse commands."""
    LOG: ClassVar[int]
    """Short identifier of the transaction log."""

    def __init__(self, transport: Transport, profile: CardProfile = T_UNION) -> None:
        """Use a connected transport; nothing is sent yet."""
        self._transport = ResponseChain(transport)
        self.profile = profile

    def select(self) -> Fci:
        """SELECT the application. Raises ApplicationBlocked when it is blocked."""
        return Fci.parse(exchange(self._transport, commands.select_name(self.profile.aid)))

    def identify(self) -> PublicInfo:
        """SELECT, and who the card is: from the FCI, or from EF15 where the FCI holds nothing or something else."""
        answer = exchange(self._transport, commands.select_name(self.profile.aid))
        try:
            info = Fci.parse(answer).public_info
        except FormatError:
            info = None
        return info or self.public_info()

    def public_info(self) -> PublicInfo:
        """EF15: issuer, serial, validity."""
        return PublicInfo.parse(self._binary(EF15, PublicInfo.length()))

    def holder(self) -> HolderInfo:
        """EF16: the holder's name and document. A card may want the PIN first."""
        return HolderInfo.parse(self._binary(EF16, HolderInfo.length()))

    def management_info(self) -> ManagementInfo:
        """EF17, its first eleven bytes: country, city, interoperability, card kind."""
        return ManagementInfo.parse(self._binary(EF17, ManagementInfo.SHORTEST or ManagementInfo.length()))

    def log(self) -> list[LogRecord]:
        """The transaction log, newest first, at most ten."""
        return list(self._records(self.LOG, LOG_RECORDS, LogRecord))

    def balance_fen(self, part: BalancePart = BalancePart.STORED) -> int:
        """GET BALANCE in fen; what is stored includes the overdraft limit. The parts are known by T-Union cards only."""
        answer = exchange(self._transport, commands.get_balance(part, self.SELECTOR))
        return int.from_bytes(answer) & BALANCE_MASK

    def verify_pin(self, pin: str) -> None:
        """VERIFY; raises WrongPin with the tries left. A load needs it, a purchase from the purse does not."""
        exchange(self._transport, commands.verify_pin(pin_block(pin), self.profile.pin_reference))

    def change_pin(self, old: str, new: str) -> None:
        """CHANGE PIN; a wrong old PIN costs a try and raises WrongPin."""
        command = commands.change_pin(pin_block(old), pin_block(new), self.profile.pin_reference)
        exchange(self._transport, command)

    def internal_authenticate(self, mode: int, key_id: int, challenge8: bytes) -> bytes:
        """INTERNAL AUTHENTICATE: 8 bytes made of the challenge with the card's key; the key service checks them."""
        return exchange(self._transport, commands.internal_authenticate(mode, key_id, challenge8))

    def message(self) -> bytes:
        """GET MESSAGE: a city card's authentication code, 9 bytes, for `SamSession.check_message`."""
        return exchange(self._transport, commands.get_message())

    def init_load(self, amount_fen: int, terminal_no: bytes) -> LoadInit:
        """INITIALIZE FOR LOAD; the answer's MAC1 proves the card to the host."""
        return self._init(InitMode.LOAD, amount_fen, terminal_no, LoadInit)

    def credit_for_load(self, when: datetime, mac2: bytes) -> bytes:
        """CREDIT FOR LOAD; returns the load's TAC, 4 bytes."""
        return exchange(self._transport, commands.credit_for_load(when, mac2))

    def debit_for_purchase(self, terminal_seq: int, when: datetime, mac1: bytes) -> PurchaseProof:
        """DEBIT FOR PURCHASE (also CAPP, CASH WITHDRAW) with the SAM's sequence number and MAC1."""
        command = commands.debit_for_purchase(terminal_seq, when, mac1)
        return PurchaseProof.parse(exchange(self._transport, command))

    def transaction_prove(self, kind: int, atc: int) -> TransactionProof:
        """GET TRANSACTION PROVE; `atc` is INITIALIZE's counter plus one. ProofNotAvailable: it never finished."""
        answer = exchange(self._transport, commands.get_transaction_prove(kind, atc))
        first, second = answer[:4], answer[4:]
        return (
            TransactionProof(second, first)
            if self.profile.proof_tac_first
            else TransactionProof(first, second)
        )

    def _init(self, mode: InitMode, amount_fen: int, terminal_no: bytes, answer: type[Record]) -> Record:
        command = commands.initialize(
            mode, self.profile.key_index, amount_fen, terminal_no, answer.length(), self.SELECTOR
        )
        return answer.parse(exchange(self._transport, command))

    def _binary(self, sfi: int, length: int) -> bytes:
        return read(self._transport, commands.read_binary(sfi, length))

    def _records(self, sfi: int, count: int, layout: type[Record]) -> Iterator[Record]:
        for number in range(1, count + 1):
            try:
                content = read(self._transport, commands.read_record(sfi, number, layout.length()))
            except RecordNotFound:
                return
            if not is_empty(content):
                yield layout.parse(content)
