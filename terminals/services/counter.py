"""The service hall's chip operations: a blank chip becomes a card, value goes onto a chip. Both over any transport."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from accounts.errors import AlreadyLoaded, IllegalCardTransition, LoadNotProven
from accounts.models import Card, Purse, TopUpOrder
from accounts.services.topup import authorise_load, confirm_load
from citizencard.core.audit import record_audit
from citizencard.core.errors import CitizenCardError, KeyServiceUnavailable, NotFound
from citizencard.core.keyservice.client import key_service
from terminals.card.apdu import ProofNotAvailable
from terminals.card.bench import chip_serial
from terminals.card.crypto import TransactionType
from terminals.card.errors import TransportError
from terminals.card.personalise import personalise
from terminals.card.profile import T_UNION
from terminals.card.purse import LoadInit, PurseSession
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


@dataclass(frozen=True, slots=True)
class WriteBack:
    """What a card at the reader got: its balance afterwards in fen, the orders now on it, and those refused with why."""

    card: Card
    balance_fen: int
    loaded: tuple[TopUpOrder, ...]
    refused: tuple[tuple[TopUpOrder, CitizenCardError], ...]


def load_chip(*, order: TopUpOrder, transport: Transport, terminal_no: str, when: datetime, pin: str) -> int:
    """Put a paid order's value onto the chip in the reader; returns the chip's balance afterwards, in fen.

    A load that was torn before is settled first, on the chip's own word: its proof confirms it, or else its counter tells.
    Raises WrongCardOnReader, LoadUnfinished (the chip left; call again with the same card), CardError (WrongPin and the
    like: nothing was loaded), and what `authorise_load` and `confirm_load` raise.
    """
    purse = PurseSession(transport)
    found = T_UNION.card_number(purse.identify())
    if found != order.card.pan:
        raise WrongCardOnReader(expected=order.card.pan, found=found)
    _settle_torn(order.card, purse)
    order.refresh_from_db()
    if order.state == TopUpOrder.State.CONFIRMED:
        return purse.balance_fen()
    return _load(order, purse, terminal_no=terminal_no, when=when, pin=pin)


def write_back(*, transport: Transport, terminal_no: str, when: datetime, pin: str) -> WriteBack:
    """Bring the card on the reader up to date: a torn load is settled, then every paid order loaded, oldest first.

    An order that is refused (BalanceLimitExceeded, for instance) is left as it is and does not stop the others. Raises
    NotFound (no card of ours), LoadUnfinished, CardError, KeyServiceUnavailable.
    """
    purse = PurseSession(transport)
    pan = T_UNION.card_number(purse.identify())
    card = Card.objects.filter(pan=pan).first()
    if card is None:
        raise NotFound(what=pan)
    waiting = TopUpOrder.objects.filter(
        card=card, purse__kind=Purse.Kind.CHIP, state__in=[TopUpOrder.State.LOADED, TopUpOrder.State.PAID]
    )
    # The torn one is loaded before the others, should it turn out not to be on the chip.
    orders = sorted(waiting, key=lambda order: (order.state != TopUpOrder.State.LOADED, order.pk))
    _settle_torn(card, purse)
    loaded: list[TopUpOrder] = []
    refused: list[tuple[TopUpOrder, CitizenCardError]] = []
    for order in orders:
        order.refresh_from_db()
        try:
            if order.state != TopUpOrder.State.CONFIRMED:
                _load(order, purse, terminal_no=terminal_no, when=when, pin=pin)
            loaded.append(order)
        except (KeyServiceUnavailable, LoadUnfinished):
            raise
        except CitizenCardError as refusal:
            refused.append((order, refusal))
    return WriteBack(card, purse.balance_fen(), tuple(loaded), tuple(refused))


def _load(order: TopUpOrder, purse: PurseSession, *, terminal_no: str, when: datetime, pin: str) -> int:
    """Load a paid or torn order; the chip's balance afterwards, in fen."""
    purse.verify_pin(pin)
    init = purse.init_load(order.amount_fen, bytes.fromhex(terminal_no))
    try:
        mac2 = _authorised(order, init, terminal_no=terminal_no, when=when)
    except AlreadyLoaded:
        return init.balance_fen
    try:
        tac = purse.credit_for_load(when, mac2)
    except TransportError as error:
        raise LoadUnfinished(number=order.number) from error
    balance_after_fen = init.balance_fen + order.amount_fen
    confirm_load(order=order, tac=tac, balance_after_fen=balance_after_fen)
    return balance_after_fen


def _authorised(order: TopUpOrder, init: LoadInit, *, terminal_no: str, when: datetime) -> bytes:
    return authorise_load(
        order=order,
        balance_fen=init.balance_fen,
        online_atc=init.online_atc,
        key_version=init.key_version,
        rand=init.rand,
        mac1=init.mac1,
        terminal_no=terminal_no,
        when=when,
    )


def _settle_torn(card: Card, purse: PurseSession) -> None:
    """Confirm the card's load under way, if the chip has a right proof of it; if not, its counter will tell."""
    order = card.topups.filter(state=TopUpOrder.State.LOADED).first()
    if order is None or order.online_atc is None or order.balance_before_fen is None:
        return
    try:
        proof = purse.transaction_prove(TransactionType.LOAD, order.online_atc + 1)
    except ProofNotAvailable:
        return
    with suppress(LoadNotProven):
        confirm_load(
            order=order, tac=proof.tac, balance_after_fen=order.balance_before_fen + order.amount_fen
        )


def _check_printed_chip(card: Card, transport: Transport) -> None:
    """The number on the card's face and the number in its chip must be the same."""
    printed = card.bureau_lines.filter(outcome=BureauLine.Outcome.MADE).first()
    if printed is None:
        return
    found = chip_serial(transport).hex().upper()
    if found != printed.chip_serial:
        raise WrongChipOnReader(expected=printed.chip_serial, found=found)
