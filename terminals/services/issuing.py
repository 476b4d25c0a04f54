"""The chip's part of issuing a card at the counter: which card lies on the reader, write it, read it back, hand it out."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from accounts.models import Card, IssueApplication
from accounts.services.issuing import begin_writing, finish_issue, note_progress
from citizencard.core.errors import NotFound
from citizencard.core.states import lock_row
from terminals.card.bench import chip_serial
from terminals.card.profile import T_UNION
from terminals.card.purse import PurseSession
from terminals.card.script import Progress
from terminals.card.transport import Transport
from terminals.errors import UnknownChip, WrongCardOnReader
from terminals.models import BureauLine
from terminals.services.counter import personalise_card
from terminals.services.replacing import replace_and_list


def card_on_reader(transport: Transport) -> Card:
    """The card that the bureau printed on this chip, whatever is written on it so far. Raises UnknownChip, CardError."""
    serial = chip_serial(transport).hex().upper()
    line = (
        BureauLine.objects.select_related("card__product")
        .filter(chip_serial=serial, outcome=BureauLine.Outcome.MADE)
        .first()
    )
    if line is None:
        raise UnknownChip(found=serial)
    return line.card


def write_card(*, application: IssueApplication, transport: Transport, pin: str) -> IssueApplication:
    """Make the card on the reader the applicant's: take it, write it, read it back, issue it. Call it outside a transaction.

    Broken off anywhere, it is called again with the same card; issued before, it is left alone. Raises UnknownChip, WrongCardOnReader (it reads back another
    number), CardError and KeyServiceError from the chip, and what `begin_writing` and `finish_issue` raise.
    """
    application.refresh_from_db()
    if application.state == IssueApplication.State.ISSUED:
        return application
    card = card_on_reader(transport)
    application = begin_writing(application=application, card=card)

    def listen(progress: Progress) -> None:
        note_progress(application=application, step=progress.number, steps=progress.total)

    personalise_card(card=card, transport=transport, pin=pin, actor=application.clerk, progress=listen)
    found = T_UNION.card_number(PurseSession(transport).identify())
    if found != card.pan:
        raise WrongCardOnReader(expected=card.pan, found=found)
    return _hand_out(application, card)


@transaction.atomic
def _hand_out(application: IssueApplication, card: Card) -> IssueApplication:
    """It is issued, and takes the place of the card it replaces, which no terminal takes any more."""
    current = lock_row(application)
    if current.replaces is not None:
        replace_and_list(
            card=current.replaces,
            cause=current.cause,
            actor=current.clerk,
            occurred_at=timezone.now(),
            new=card,
        )
    return finish_issue(application=current)


def card_lying_there(transport: Transport) -> Card:
    """The record of the card on the reader, blank or written. Raises NotFound (none of ours), CardError."""
    try:
        return card_on_reader(transport)
    except UnknownChip:
        number = T_UNION.card_number(PurseSession(transport).identify())
    card = Card.objects.filter(pan=number).first()
    if card is None:
        raise NotFound(what=number)
    return card
