"""The card itself: taken from the stock, written, handed out; spoiled, or given up."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.errors import CardNotForThis, IllegalApplicationStep
from accounts.models import Card, IssueApplication, StockProposal
from accounts.services.cards import activate_card, assign_card, close_card, issue_card, mark_personalised
from accounts.services.citizens import withdraw_consent
from accounts.services.issuing.applicant import put_consent, registered
from accounts.services.issuing.steps import audit, check_price
from accounts.services.stock import propose_stock, require_in_stock, take_from_stock
from citizencard.core.states import lock_row, step_to

State = IssueApplication.State


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
    check_price(application)
    _check_card(application, card)
    citizen = registered(application) if application.product.real_name else None
    with transaction.atomic():
        current = lock_row(application)
        if current.state == State.WRITING and current.card_id == card.pk:
            return current
        require_in_stock(card=card, hall=current.hall)
        current.citizen, current.card, current.step, current.steps = citizen, card, 0, 0
        if citizen is not None:
            current.consent = put_consent(current, citizen)
            assign_card(card=card, citizen=citizen, actor=current.clerk, replacing=current.replaces)
        current.person_sealed = None
        with step_to(State.WRITING, IllegalApplicationStep):
            current.begin_writing()
        current.save(update_fields=["state", "citizen", "card", "consent", "person_sealed", "step", "steps"])
        audit(current, "issue.write", card=card.pan)
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
    check_price(current)
    clerk, now = current.clerk, timezone.now()
    card = mark_personalised(card=_card(current), actor=clerk, occurred_at=now)
    take_from_stock(card=card, hall=current.hall, actor=clerk)
    card = issue_card(card=card, actor=clerk, occurred_at=now)
    activate_card(card=card, actor=clerk, occurred_at=now)
    current.ended_at = now
    current.save(update_fields=["state", "ended_at"])
    audit(current, "issue.finish", card=card.pan)
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
    audit(current, "issue.spoil", card=card.pan)
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
    audit(current, "issue.cancel", taken_fen=current.taken_fen)
    return current


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


def _card(application: IssueApplication) -> Card:
    """The card being written; a constraint says that there is one."""
    return Card.objects.get(application=application.pk)
