"""Issuing a card at the counter, step by step. Every step is a transaction and can be repeated; nothing is half done.

Until the chip is written there is only the application: no person is registered, no consent and no money is booked. The
sale is booked in the transaction in which the card, written and read back, leaves the stock (`finish_issue`). The chip's
part is `terminals.services.issuing`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import date
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.errors import (
    ApplicationBegun,
    CardAlreadyHeld,
    CardNotForThis,
    CitizenRequired,
    DocumentAlreadyRegistered,
    GuardianRequired,
    IllegalApplicationStep,
    PaymentChanged,
    PersonPerhapsKnown,
    PhotoMissing,
)
from accounts.models import Card, CardProduct, Citizen, Consent, IssueApplication, StockPlace, StockProposal
from accounts.selectors.ages import whole_years
from accounts.selectors.issuing import card_in_the_way
from accounts.selectors.people import births_of, find_citizen, find_people, main_document
from accounts.services.cards import activate_card, assign_card, close_card, issue_card, mark_personalised
from accounts.services.citizens import (
    COUNTER,
    OWN_CONSENT,
    check_agreement,
    give_consent,
    register_citizen,
    withdraw_consent,
)
from accounts.services.documents import check_birth, check_name, check_phone
from accounts.services.levels import Operation, require_level
from accounts.services.papers import Paper
from accounts.services.photos import portrait
from accounts.services.replacements import replacement_fee_fen, require_replaceable
from accounts.services.stock import propose_stock, require_in_stock, take_from_stock
from citizencard.core.audit import record_audit
from citizencard.core.masks import mask_document, mask_name
from citizencard.core.money import format_yuan
from citizencard.core.pii import reveal, seal
from citizencard.core.states import lock_row, step_to

State = IssueApplication.State
TABLE: Final = "accounts_issueapplication"


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


def _begun(application: IssueApplication, paper: Paper | None, citizen: Citizen | None) -> IssueApplication:
    """Saved, or the one that is open already."""
    clerk, product = application.clerk, application.product
    if product.real_name:
        _name_person(application, paper, citizen)
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
            _audit(application, "issue.begin", product=product.pk)
    except IntegrityError:  # the same clerk in another window
        return IssueApplication.objects.get(
            clerk=clerk, document_index=application.document_index, ended_at=None
        )
    return application


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
    changes = {} if application.citizen_id else _told(application, name, phone, birth_date, is_new=is_new)
    return _step(application, IssueApplication.check_person, State.CHECKED, **changes)


def record_agreement(
    *, application: IssueApplication, text: str, guardian: Citizen | None = None
) -> IssueApplication:
    """The person, or for a child under 14 a guardian on record, has agreed to `text`, which is kept. Raises GuardianRequired."""
    if application.citizen is not None:
        check_agreement(application.citizen, guardian)
    return _step(
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
    """The clerk has price and deposit in hand; nothing is booked yet. Raises PhotoMissing, IllegalApplicationStep."""
    product = CardProduct.objects.get(pk=application.product_id)
    price_fen, deposit_fen = amounts_due(application)
    if product.photo_needed and not application.photo_sealed:
        raise PhotoMissing(product=product.name)
    return _step(
        application,
        IssueApplication.pay,
        State.PAID,
        price_fen=price_fen,
        deposit_fen=deposit_fen,
        paid_at=timezone.now(),
    )


def amounts_due(application: IssueApplication) -> tuple[int, int]:
    """Price, or the fee of a replacement, and deposit, in fen, as they are now."""
    product, replaced = CardProduct.objects.get(pk=application.product_id), application.replaces
    price_fen = replacement_fee_fen(replaced, application.cause) if replaced else product.price_fen
    return price_fen, product.deposit_fen


def begin_writing(*, application: IssueApplication, card: Card) -> IssueApplication:
    """A card of the hall's stock becomes the person's, who is registered now and whose consent is put on record.

    Again with the same card it is gone on with. Raises CardNotForThis, StockMismatch, PaymentChanged, IllegalApplicationStep, and
    what `register_citizen`, `give_consent` and `assign_card` raise; nothing is written then.
    """
    application.refresh_from_db()
    if application.state == State.WRITING:
        if application.card_id != card.pk:
            reason = _(
                "another card was begun for this person; lay down card %(card)s, or report it as spoiled"
            )
            raise CardNotForThis(card=card.pan, reason=reason % {"card": application.card})
        return application
    if application.state != State.PAID:
        raise IllegalApplicationStep(source=application.get_state_display(), target=State.WRITING.label)
    _check_price(application)
    _check_card(application, card)
    citizen = _registered(application) if application.product.real_name else None
    with transaction.atomic():
        current = lock_row(application)
        if current.state == State.WRITING and current.card_id == card.pk:
            return current
        require_in_stock(card=card, hall=current.hall)
        current.citizen, current.card, current.step, current.steps = citizen, card, 0, 0
        if citizen is not None:
            current.consent = _consent(current, citizen)
            assign_card(card=card, citizen=citizen, actor=current.clerk, replacing=current.replaces)
        current.person_sealed = None
        with step_to(State.WRITING, IllegalApplicationStep):
            current.begin_writing()
        current.save(update_fields=["state", "citizen", "card", "consent", "person_sealed", "step", "steps"])
        _audit(current, "issue.write", card=card.pan)
    return current


def note_progress(*, application: IssueApplication, step: int, steps: int) -> None:
    """How far the writing is, for whoever looks at the application."""
    IssueApplication.objects.filter(pk=application.pk, state=State.WRITING).update(step=step, steps=steps)


@transaction.atomic
def finish_issue(*, application: IssueApplication) -> IssueApplication:
    """The card is written and read back: it leaves the stock, is sold and may pay, all of it or nothing. Again is no change.

    Raises IllegalApplicationStep, PaymentChanged, StockMismatch, BusinessDayClosed.
    """
    current = lock_row(application)
    if current.state == State.ISSUED:
        return current
    with step_to(State.ISSUED, IllegalApplicationStep):
        current.finish()
    _check_price(current)
    clerk, now = current.clerk, timezone.now()
    card = mark_personalised(card=_card(current), actor=clerk, occurred_at=now)
    take_from_stock(card=card, hall=current.hall, actor=clerk)
    card = issue_card(card=card, actor=clerk, occurred_at=now)
    activate_card(card=card, actor=clerk, occurred_at=now)
    current.ended_at = now
    current.save(update_fields=["state", "ended_at"])
    _audit(current, "issue.finish", card=card.pan)
    return current


@transaction.atomic
def spoil_card(*, application: IssueApplication, reason: str) -> IssueApplication:
    """The card cannot be written: it is nobody's any more and proposed for scrapping; the payment stands for another one.

    Raises IllegalApplicationStep, InvalidField without a reason.
    """
    current = lock_row(application)
    with step_to(State.PAID, IllegalApplicationStep):
        current.spoil()
    card, current.card = _card(current), None
    propose_stock(
        kind=StockProposal.Kind.SCRAPPED,
        place=current.hall,
        first=card.pan,
        last=card.pan,
        actor=current.clerk,
        reason=reason,
    )
    close_card(card=card, actor=current.clerk, reason=reason.strip(), occurred_at=timezone.now())
    current.save(update_fields=["state", "card"])
    _audit(current, "issue.spoil", card=card.pan)
    return current


@transaction.atomic
def cancel_issue(*, application: IssueApplication, reason: str) -> IssueApplication:
    """Nothing comes of it: what was said and shown is forgotten, a card begun is scrapped, the clerk hands the money back.

    Again is no change. Raises IllegalApplicationStep (it is issued), InvalidField.
    """
    current = lock_row(application)
    if current.state == State.CANCELLED:
        return current
    if current.state == State.WRITING:
        current = spoil_card(application=current, reason=reason)
    with step_to(State.CANCELLED, IllegalApplicationStep):
        current.cancel()
    if current.consent is not None:
        withdraw_consent(consent=current.consent, actor=current.clerk, reason="application cancelled")
    forgotten = {
        "person_sealed": None,
        "photo_sealed": None,
        "document_index": None,
        "document_mask": "",
        "name_mask": "",
    }
    for name, nothing in forgotten.items():
        setattr(current, name, nothing)
    current.reason, current.ended_at = reason.strip(), timezone.now()
    current.save(update_fields=["state", *forgotten, "reason", "ended_at"])
    _audit(current, "issue.cancel", taken_fen=current.taken_fen)
    return current


def _name_person(application: IssueApplication, paper: Paper | None, citizen: Citizen | None) -> None:
    """Whose card it shall be."""
    if citizen is None and paper is not None:
        citizen = find_citizen(document_number=paper.number)
    if citizen is not None:
        require_level(citizen, Operation.REAL_NAME_CARD)
        if card_in_the_way(citizen, application.product, application.replaces):
            raise CardAlreadyHeld(product=application.product.name)
        application.citizen = citizen
        application.document_index = paper.index if paper else bytes(main_document(citizen).number_index)
        application.document_mask, application.name_mask = citizen.document_mask, citizen.name_mask
        return
    if paper is None:
        raise CitizenRequired(product=application.product.name)
    application.document_index, application.document_mask = paper.index, mask_document(paper.number)
    shown = {
        "document_kind": paper.kind,
        "document_number": paper.number,
        "nationality": paper.nationality,
        "valid_to": paper.valid_to.isoformat() if paper.valid_to else None,
        "birth_date": paper.birth.isoformat() if paper.birth else None,
    }
    application.person_sealed = _sealed(application, shown)


def _told(
    application: IssueApplication, name: str, phone: str, birth_date: date | None, *, is_new: bool
) -> dict[str, Any]:
    """The application's fields for somebody new."""
    person = _person(application)
    name, phone = check_name(name), check_phone(phone)
    if birth_date and not person["birth_date"]:
        person["birth_date"] = check_birth(birth_date).isoformat()
    born = date.fromisoformat(person["birth_date"]) if person["birth_date"] else None
    if born and (age := whole_years(born, timezone.localdate())) < OWN_CONSENT:
        raise GuardianRequired(age=age)
    if not is_new and (alike := _alike(name, phone, born)):
        raise PersonPerhapsKnown(count=len(alike), people=alike)
    sealed = _sealed(application, person | {"name": name, "phone": phone})
    return {"person_sealed": sealed, "name_mask": mask_name(name)}


def _alike(name: str, phone: str, born: date | None) -> list[Citizen]:
    """People of the same name or telephone number whose birth date does not say otherwise."""
    found = {each.pk: each for text in (name, phone) if text for each in find_people(text)}
    births = births_of(list(found.values()))
    return [each for each in found.values() if born is None or births[each.pk] in (None, born)]


def _registered(application: IssueApplication) -> Citizen:
    """The person on record, registered now if they were not; somebody else may have been quicker."""
    if application.citizen is not None:
        return application.citizen
    person = _person(application)
    dates = {
        each: date.fromisoformat(person[each]) if person[each] else None
        for each in ("valid_to", "birth_date")
    }
    try:
        return register_citizen(**(person | dates), actor=application.clerk, source=COUNTER)
    except DocumentAlreadyRegistered:
        known = find_citizen(document_number=person["document_number"])
        if known is None:  # its document has ended
            raise
        return known


def _card(application: IssueApplication) -> Card:
    """The card being written; a constraint says that there is one."""
    return Card.objects.get(application=application.pk)


def _consent(application: IssueApplication, citizen: Citizen) -> Consent | None:
    """Put the agreement on record; the consent it made, None where there was one."""
    before = citizen.consents.filter(purpose=Consent.Purpose.CARD, withdrawn_at=None).first()
    given = give_consent(
        citizen=citizen, purpose=Consent.Purpose.CARD, actor=application.clerk, guardian=application.guardian
    )
    return None if before == given and application.consent_id != given.pk else given


def _check_card(application: IssueApplication, card: Card) -> None:
    """Is it a card of this product that nobody has?"""
    if card.product_id != application.product_id:
        reason = _("it is a %(product)s; take one of the product wanted") % {"product": card.product}
    elif card.state != Card.State.BLANK:
        reason = _("it is %(state)s; keep it and take another one") % {"state": card.get_state_display()}
    elif card.citizen_id not in (None, application.citizen_id):
        reason = _("it was made for somebody else; put it back and take another one")
    elif card.citizen_id is None and _has_one_waiting(application):
        reason = _("a card made for this person lies here; hand out that one")
    else:
        require_in_stock(card=card, hall=application.hall)
        return
    raise CardNotForThis(card=card.pan, reason=reason)


def _has_one_waiting(application: IssueApplication) -> bool:
    citizen = application.citizen
    waiting = Card.objects.filter(citizen=citizen, product=application.product, state=Card.State.BLANK)
    return citizen is not None and waiting.exists()


def _check_price(application: IssueApplication) -> None:
    """The sale is booked at what is due: it must be what was taken."""
    due = amounts_due(application)
    if (application.price_fen, application.deposit_fen) != due:
        raise PaymentChanged(taken=format_yuan(application.taken_fen), due=format_yuan(sum(due)))


@transaction.atomic
def _step(
    application: IssueApplication,
    step: Callable[[IssueApplication], object],
    target: IssueApplication.State,
    **changes: Any,
) -> IssueApplication:
    """Take one step under the row's lock, with what it brings."""
    current = lock_row(application)
    with step_to(target, IllegalApplicationStep):
        step(current)
    for name, value in changes.items():
        setattr(current, name, value)
    current.save(update_fields=["state", *changes])
    return current


def _sealed(application: IssueApplication, person: dict[str, Any]) -> bytes:
    return seal(TABLE, "person", application.pk, json.dumps(person))


def _person(application: IssueApplication) -> dict[str, Any]:
    person: dict[str, Any] = json.loads(
        reveal(TABLE, "person", application.pk, bytes(application.person_sealed or b""))
    )
    return person


def _audit(application: IssueApplication, action: str, **detail: Any) -> None:
    record_audit(
        actor=application.clerk, action=action, subject=f"issue-application:{application.pk}", detail=detail
    )
