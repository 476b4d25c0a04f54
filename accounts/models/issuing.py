"""A card being issued at the counter, one step after the other, kept so that it can be gone on with."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField, transition

from accounts.models.cards import Card, CardProduct
from accounts.models.people import Citizen, Consent
from accounts.models.replacements import Replacement
from accounts.models.stock import StockPlace
from citizencard.core.states import StatefulModel


class IssueApplication(StatefulModel):
    """What somebody at a desk has said, shown and paid so far. Nothing else is written before the card itself is.

    Who is not on record yet is told in `person_sealed` only, and registered when writing begins: a cancelled application leaves
    no trace of them. No money is booked before the card is issued; `price_fen` and `deposit_fen` are what was taken meanwhile.
    """

    class State(models.TextChoices):
        DRAFT = "draft", _("document shown")
        CHECKED = "checked", _("person checked")
        CONSENTED = "consented", _("consent given")
        PAID = "paid", _("paid for")
        WRITING = "writing", _("being written")
        ISSUED = "issued", _("handed out")
        CANCELLED = "cancelled", _("cancelled")

    OPEN = (State.DRAFT, State.CHECKED, State.CONSENTED, State.PAID, State.WRITING)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    clerk = models.CharField(_("clerk"), max_length=150)
    hall = models.ForeignKey(StockPlace, models.PROTECT, related_name="+", verbose_name=_("service hall"))
    product = models.ForeignKey(CardProduct, models.PROTECT, related_name="+", verbose_name=_("product"))
    state = FSMField(_("state"), max_length=9, choices=State.choices, default=State.DRAFT, protected=True)
    citizen = models.ForeignKey(
        Citizen, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("citizen")
    )
    replaces = models.ForeignKey(
        Card, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("in the place of")
    )
    cause = models.CharField(
        _("cause"), max_length=7, choices=Replacement.Cause.choices, blank=True, default=""
    )
    document_index = models.BinaryField(max_length=32, null=True)
    document_mask = models.CharField(_("document number"), max_length=40, blank=True, default="")
    name_mask = models.CharField(_("name"), max_length=100, blank=True, default="")
    person_sealed = models.BinaryField(null=True)
    """Document, name, telephone number and birth date of somebody new, as one sealed JSON."""
    consent_text = models.TextField(_("consent text"), blank=True, default="")
    consented_at = models.DateTimeField(_("consented at"), null=True, blank=True)
    guardian = models.ForeignKey(
        Citizen, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("guardian")
    )
    consent = models.ForeignKey(
        Consent, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("consent")
    )
    """The consent this application has put on record, if there was none before."""
    photo_sealed = models.BinaryField(null=True)
    price_fen = models.BigIntegerField(_("price taken (fen)"), null=True, blank=True)
    deposit_fen = models.BigIntegerField(_("deposit taken (fen)"), null=True, blank=True)
    paid_at = models.DateTimeField(_("paid at"), null=True, blank=True)
    card = models.OneToOneField(
        Card, models.PROTECT, null=True, blank=True, related_name="application", verbose_name=_("card")
    )
    step = models.PositiveSmallIntegerField(_("step of writing"), default=0, db_default=0)
    steps = models.PositiveSmallIntegerField(_("steps of writing"), default=0, db_default=0)
    began_at = models.DateTimeField(_("began at"), db_default=Now(), editable=False)
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True, default="")

    class Meta:
        verbose_name = _("application for a card")
        verbose_name_plural = _("applications for cards")
        default_permissions = ()
        permissions = [("issue_card", _("Issue cards at the counter"))]
        constraints = [
            models.UniqueConstraint(
                fields=["clerk", "document_index"],
                condition=models.Q(ended_at=None),
                name="one_open_application_per_document",
            ),
            models.UniqueConstraint(
                fields=["clerk"],
                condition=models.Q(ended_at=None, document_index=None),
                name="one_open_application_without_document",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    state__in=["issued", "cancelled"], ended_at__isnull=False, person_sealed=None
                )
                | ~models.Q(state__in=["issued", "cancelled"]) & models.Q(ended_at=None),
                name="application_ended_keeps_no_person",
            ),
            models.CheckConstraint(
                condition=models.Q(replaces=None, cause="") | models.Q(replaces__isnull=False, cause__gt=""),
                name="application_replaces_for_a_cause",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="cancelled")
                | models.Q(photo_sealed=None, card=None, document_index=None, document_mask="", name_mask=""),
                name="application_cancelled_keeps_nothing",
            ),
            models.CheckConstraint(
                condition=~models.Q(state__in=["paid", "writing", "issued"])
                | models.Q(price_fen__gte=0, deposit_fen__gte=0, paid_at__isnull=False),
                name="application_paid_before_writing",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["writing", "issued"], card__isnull=False)
                | ~models.Q(state__in=["writing", "issued"]) & models.Q(card=None),
                name="application_has_a_card_while_written",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.product} {self.document_mask}".strip()

    @property
    def taken_fen(self) -> int:
        """What the clerk has in hand for it, price and deposit."""
        return (self.price_fen or 0) + (self.deposit_fen or 0)

    @transition(field=state, source=State.DRAFT, target=State.CHECKED)
    def check_person(self) -> None:
        """The clerk has seen who it is."""

    @transition(field=state, source=State.CHECKED, target=State.CONSENTED)
    def agree(self) -> None:
        """Issue and use of the card are agreed to."""

    @transition(field=state, source=State.DRAFT, target=State.CONSENTED)
    def ask_nobody(self) -> None:
        """An anonymous card asks for nobody's consent."""

    @transition(field=state, source=[State.CONSENTED, State.PAID], target=State.PAID)
    def pay(self) -> None:
        """The clerk has taken price and deposit; again, if they have changed meanwhile."""

    @transition(field=state, source=State.PAID, target=State.WRITING)
    def begin_writing(self) -> None:
        """A card of the hall's stock is this person's from now on."""

    @transition(field=state, source=State.WRITING, target=State.PAID)
    def spoil(self) -> None:
        """The card did not come to be: another one is taken."""

    @transition(field=state, source=State.WRITING, target=State.ISSUED)
    def finish(self) -> None:
        """Written, read back, out of stock, sold and active."""

    @transition(
        field=state, source=[State.DRAFT, State.CHECKED, State.CONSENTED, State.PAID], target=State.CANCELLED
    )
    def cancel(self) -> None:
        """Nothing came of it; what was taken is handed back."""
