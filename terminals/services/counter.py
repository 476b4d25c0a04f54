"""The service hall's chip operations: a blank chip becomes a card, value goes onto a chip. Both over any transport."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from accounts.errors import IllegalCardTransition
from accounts.models import Card, TopUpOrder
from accounts.services.topup import authorise_load, confirm_load
from citizencard.core.audit import record_audit
from citizencard.core.keyservice.client import key_service
from terminals.card.apdu import ProofNotAvailable
from terminals.card.bench import chip_serial
from terminals.card.crypto import TransactionType
from terminals.card.errors import TransportError
from terminals.card.personalise import personalise
from terminals.card.profile import T_UNION
from terminals.card.purse import PurseSession
from terminals.card.script import Listener, nobody_listens
from terminals.card.transport import Transport
from terminals.errors import LoadUnfinished, WrongCardOnReader, WrongChipOnReader
from terminals.models import BureauLine
from terminals.services.cardspec import card_spec
from terminals.services.identity import record_certificate


def personalise_card(
    *,
    card: Card,
    transport: Transport,
    pin: str,
    actor: str,
    progress: Listener = nobody_listens,
    erase_begun: bool = False,
) -> bytes:
    """Write a card's files, keys and identity onto the chip in the reader; returns the chip's serial. Audited.

    Pulled in the middle, the card is finished by calling again with the same chip; `erase_begun` wipes a chip that was
    begun for another number. `progress` is told each step. The record is moved on by
    `accounts.services.cards.mark_personalised`. Raises IllegalCardTransition for a card that has its chip already,
    WrongChipOnReader when the bureau printed this card on another one, CardError (PersonalisationError and the like)
    when the chip refuses, KeyServiceError, KeyServiceUnavailable.
    """
    card.refresh_from_db()
    if card.state != Card.State.BLANK:
        target = Card.State.PERSONALISED.label
        raise IllegalCardTransition(source=Card.State(card.state).label, target=target)
    _check_printed_chip(card, transport)
    spec = card_spec(card=card, pin=pin, actor=actor)
    made = personalise(transport, spec, key_service("counter"), progress=progress, erase_begun=erase_begun)
    with transaction.atomic():
        record_certificate(card=card, der=made.certificate)
        record_audit(
            actor=actor,
            action="card.personalise",
            subject=f"card:{card.pan}",
            detail={"chip_serial": made.chip_serial8.hex()},
        )
    return made.chip_serial8


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
    if order.state == TopUpOrder.State.LOADED and _settle_torn(order, purse):
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
    info = purse.identify()
    found = T_UNION.card_number(info)
    if found != card.pan:
        raise WrongCardOnReader(expected=card.pan, found=found)


def _check_printed_chip(card: Card, transport: Transport) -> None:
    """The number on the card's face and the number in its chip must be the same."""
    printed = card.bureau_lines.filter(outcome=BureauLine.Outcome.MADE).first()
    if printed is None:
        return
    found = chip_serial(transport).hex().upper()
    if found != printed.chip_serial:
        raise WrongChipOnReader(expected=printed.chip_serial, found=found)
