"""The service hall's chip operations: a blank chip becomes a card, value goes onto a chip. Both over any transport."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.conf import settings

from accounts.models import Card, Citizen, TopUpOrder
from accounts.services.citizens import reveal_citizen
from accounts.services.topup import authorise_load, confirm_load
from citizencard.core.audit import record_audit
from citizencard.core.keyservice.client import key_service
from terminals.card.apdu import ProofNotAvailable
from terminals.card.crypto import TransactionType
from terminals.card.errors import TransportError
from terminals.card.files import HolderInfo, ManagementInfo, PublicInfo
from terminals.card.personalise import CardSpec, personalise
from terminals.card.profile import T_UNION
from terminals.card.purse import PurseSession
from terminals.card.transport import Transport
from terminals.errors import LoadUnfinished, WrongCardOnReader

CHINA_CODE: Final = "00000156"
INTEROPERABLE: Final = 1
PURSE_APPLICATION: Final = 2
NAME_BYTES: Final = 20
DOCUMENT_CODES: Final = {Citizen.Document.RESIDENT_ID: 0, Citizen.Document.PASSPORT: 2}
"""Document type byte of EF16."""


def personalise_card(*, card: Card, transport: Transport, pin: str, actor: str) -> bytes:
    """Write a card's files and keys onto the blank chip in the reader; returns the chip's serial. Audited.

    The record is moved on by `accounts.services.cards.mark_personalised`. Raises CardError when the chip refuses or is
    not blank, KeyServiceError, KeyServiceUnavailable; a script broken off leaves the chip blank.
    """
    spec = CardSpec(
        public_info=_public_info(card),
        management=_management_info(card),
        holder=_holder_info(card, actor),
        pin=pin,
        key_version=card.key_version,
    )
    chip_serial8 = personalise(transport, spec, key_service("counter"))
    record_audit(
        actor=actor,
        action="card.personalise",
        subject=f"card:{card.pan}",
        detail={"chip_serial": chip_serial8.hex()},
    )
    return chip_serial8


def load_chip(*, order: TopUpOrder, transport: Transport, terminal_no: str, when: datetime, pin: str) -> int:
    """Put a paid order's value onto the chip in the reader; returns the chip's balance afterwards, in fen.

    A load that was torn before is settled first, on the chip's own word: its proof confirms it, a counter that has not
    moved means it can be done again. Raises WrongCardOnReader, LoadUnfinished (the chip left; call again with the same
    card), CardError (WrongPin and the like: nothing was loaded), and what `authorise_load` and `confirm_load` raise.
    """
    purse = PurseSession(transport)
    _check_card(purse, order.card)
    order.refresh_from_db()
    if order.state == TopUpOrder.State.CONFIRMED:
        return purse.balance_fen()
    if order.state == TopUpOrder.State.LOADING and _settle_torn(order, purse):
        return purse.balance_fen()
    purse.verify_pin(pin)
    init = purse.init_load(order.amount_fen, bytes.fromhex(terminal_no))
    mac2 = authorise_load(
        order=order,
        balance_fen=init.balance_fen,
        online_atc=init.online_atc,
        key_version=init.key_version,
        rand=init.rand,
        mac1=init.mac1,
        terminal_no=terminal_no,
        when=when,
    )
    try:
        tac = purse.credit_for_load(when, mac2)
    except TransportError as error:
        raise LoadUnfinished(number=order.number) from error
    balance_after_fen = init.balance_fen + order.amount_fen
    confirm_load(order=order, tac=tac, balance_after_fen=balance_after_fen)
    return balance_after_fen


def _settle_torn(order: TopUpOrder, purse: PurseSession) -> bool:
    """Ask the chip whether the load of this order finished; if so confirm it."""
    before = order.online_atc, order.balance_before_fen
    if before[0] is None or before[1] is None:
        return False
    try:
        proof = purse.transaction_prove(TransactionType.LOAD, before[0] + 1)
    except ProofNotAvailable:
        return False
    confirm_load(order=order, tac=proof.tac, balance_after_fen=before[1] + order.amount_fen)
    return True


def _check_card(purse: PurseSession, card: Card) -> None:
    info = purse.select().public_info or purse.public_info()
    found = T_UNION.card_number(info)
    if found != card.pan:
        raise WrongCardOnReader(expected=card.pan, found=found)


def _public_info(card: Card) -> PublicInfo:
    return PublicInfo(
        issuer_id=bytes.fromhex(f"0101{settings.ISSUER_CODE}FFFFFFFF"),
        application_type=PURSE_APPLICATION,
        version=1,
        serial=T_UNION.serial_of(card.pan),
        start=card.valid_from,
        expiry=card.valid_to,
    )


def _management_info(card: Card) -> ManagementInfo:
    city: str = settings.ISSUER_CODE
    province = f"{city[:2]}00"
    return ManagementInfo(CHINA_CODE, province, city, INTEROPERABLE, card.product.kind_code)


def _holder_info(card: Card, actor: str) -> HolderInfo:
    """The holder's data stand behind the PIN on the chip; an anonymous card has none."""
    if card.citizen is None:
        return HolderInfo(card_type=card.product.kind_code)
    revealed = reveal_citizen(citizen=card.citizen, actor=actor, reason="personalisation of the card")
    return HolderInfo(
        card_type=card.product.kind_code,
        name=_fitting(revealed.name),
        document_number=revealed.document_number,
        document_type=DOCUMENT_CODES[Citizen.Document(card.citizen.document_kind)],
    )


def _fitting(name: str) -> str:
    """As many whole characters as the file's field holds."""
    while len(name.encode("gb18030")) > NAME_BYTES:
        name = name[:-1]
    return name
