"""What a desk asks before anything is written: document, person, consent, photograph, money."""

from __future__ import annotations

import base64
from datetime import date

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.errors import ApplicationBegun, IllegalApplicationStep, PhotoMissing
from accounts.models import Card, CardProduct, Citizen, IssueApplication, StockPlace
from accounts.services.citizens import check_agreement
from accounts.services.drawer_entries import check_drawer
from accounts.services.issuing.applicant import TABLE, name_person, told
from accounts.services.issuing.steps import amounts_due, audit, take_step
from accounts.services.papers import Paper
from accounts.services.photos import portrait
from accounts.services.replacements import require_replaceable
from citizencard.core.pii import reveal, seal
from citizencard.core.states import lock_row

State = IssueApplication.State


def begin_issue(
    *,
    product: CardProduct,
    hall: StockPlace,
    clerk: str,
    paper: Paper | None = None,
    citizen: Citizen | None = None,
) -> IssueApplication:
    """Somebody wants a card: a person by the document on the counter, one found before, or for an anonymous product nobody.

    What the clerk has begun with the same document is gone on with. Raises CitizenRequired, CardAlreadyHeld, LevelTooLow,
    KeyServiceUnavailable.
    """
    return _begun(IssueApplication(clerk=clerk, hall=hall, product=product), paper, citizen)


def begin_replacement(*, card: Card, cause: str, hall: StockPlace, clerk: str) -> IssueApplication:
    """A card of the hall's stock shall take the place of `card`, which is out of use when that one is written.

    What the clerk has begun for it is gone on with. Raises NotReplaceable, ApplicationBegun, CardAlreadyHeld, LevelTooLow.
    """
    card = Card.objects.select_related("product", "citizen").get(pk=card.pk)
    require_replaceable(card, cause, timezone.localdate())
    application = IssueApplication(clerk=clerk, hall=hall, product=card.product, replaces=card, cause=cause)
    begun = _begun(application, None, card.citizen)
    if (begun.replaces_id, begun.cause) != (card.pk, cause):
        raise ApplicationBegun(what=begun)
    return begun


def check_person(
    *,
    application: IssueApplication,
    name: str = "",
    phone: str = "",
    birth_date: date | None = None,
    is_new: bool = False,
) -> IssueApplication:
    """The clerk has compared the person with the document; of somebody new, what is to be registered is told.

    Raises InvalidField, GuardianRequired (a child is registered with its guardian first), PersonPerhapsKnown unless `is_new`.
    """
    changes = {} if application.citizen_id else told(application, name, phone, birth_date, is_new=is_new)
    return take_step(application, IssueApplication.check_person, State.CHECKED, **changes)


def record_agreement(
    *, application: IssueApplication, text: str, guardian: Citizen | None = None
) -> IssueApplication:
    """The person, or for a child under 14 a guardian on record, has agreed to `text`, which is kept. Raises GuardianRequired."""
    if application.citizen is not None:
        check_agreement(application.citizen, guardian)
    return take_step(
        application,
        IssueApplication.agree,
        State.CONSENTED,
        consent_text=text,
        consented_at=timezone.now(),
        guardian=guardian,
    )


def add_photo(*, application: IssueApplication, content: bytes) -> IssueApplication:
    """Keep the holder's photograph, drawn anew and sealed; another one takes its place. Raises PhotoRefused, IllegalApplicationStep."""
    picture = base64.b64encode(portrait(content)).decode()
    sealed = seal(TABLE, "photo", application.pk, picture)
    with transaction.atomic():
        current = lock_row(application)
        if current.state not in (State.CONSENTED, State.PAID):
            raise IllegalApplicationStep(source=current.get_state_display(), target=_("photograph"))
        current.photo_sealed = sealed
        current.save(update_fields=["photo_sealed"])
    return current


def photo_of(application: IssueApplication) -> str:
    """The photograph as JPEG in base64, for the screen of the clerk who took it; empty without one."""
    sealed = application.photo_sealed
    return reveal(TABLE, "photo", application.pk, bytes(sealed)) if sealed else ""


def take_payment(*, application: IssueApplication) -> IssueApplication:
    """The clerk has price and deposit in hand; nothing is booked yet. Raises PhotoMissing, DrawerNotOpen, IllegalApplicationStep."""
    product = CardProduct.objects.get(pk=application.product_id)
    price_fen, deposit_fen = amounts_due(application)
    if product.photo_needed and not application.photo_sealed:
        raise PhotoMissing(product=product.name)
    if price_fen + deposit_fen:
        check_drawer(actor=application.clerk)
    return take_step(
        application,
        IssueApplication.pay,
        State.PAID,
        price_fen=price_fen,
        deposit_fen=deposit_fen,
        paid_at=timezone.now(),
    )


def _begun(application: IssueApplication, paper: Paper | None, citizen: Citizen | None) -> IssueApplication:
    """Saved, or the one that is open already."""
    clerk, product = application.clerk, application.product
    if product.real_name:
        name_person(application, paper, citizen)
    known = IssueApplication.objects.filter(
        clerk=clerk, document_index=application.document_index, ended_at=None
    ).first()
    if known is not None:
        return known
    if not product.real_name:
        application.ask_nobody()
    try:
        with transaction.atomic():
            application.save(force_insert=True)
            audit(application, "issue.begin", product=product.pk)
    except IntegrityError:  # the same clerk in another window
        return IssueApplication.objects.get(
            clerk=clerk, document_index=application.document_index, ended_at=None
        )
    return application
