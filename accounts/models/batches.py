"""Batch issue: a school's or company's list of people, approved by a second person, becomes citizens and ordered cards."""

from __future__ import annotations

from django.db import models
from django.db.models import F
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField, transition

from accounts.models.cards import Card
from accounts.models.identity import IdentityDocument
from accounts.models.stock import CardOrder, StockPlace
from citizencard.core.two_people import MadeAndChecked


class IssueBatch(MadeAndChecked):
    """One list: uploaded → approved → done, or refused. `order` has its product, hall and deadline; `sha256` is the file's."""

    class State(models.TextChoices):
        PROPOSED = "proposed", _("proposed")
        APPROVED = "approved", _("approved")
        REFUSED = "refused", _("refused")
        DONE = "done", _("done")

    organisation = models.CharField(_("organisation"), max_length=100)
    order = models.OneToOneField(
        CardOrder, models.PROTECT, related_name="batch", verbose_name=_("card order")
    )
    bureau = models.ForeignKey(StockPlace, models.PROTECT, related_name="+", verbose_name=_("bureau"))
    sha256 = models.BinaryField(_("SHA-256"), max_length=32, unique=True, editable=False)
    state = FSMField(_("state"), max_length=8, choices=State.choices, default=State.PROPOSED, protected=True)

    class Meta:
        verbose_name = _("batch issue")
        verbose_name_plural = _("batch issues")
        permissions = [
            ("upload_issuebatch", _("Upload lists of people to be issued cards")),
            ("approve_issuebatch", _("Approve batch issues")),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state="proposed", checker="", checked_at=None)
                | ~models.Q(state="proposed")
                & models.Q(checker__gt="", checked_at__isnull=False)
                & ~models.Q(checker=F("maker")),
                name="issue_batch_by_two",
            )
        ]

    def __str__(self) -> str:
        return self.organisation

    @transition(field=state, source=State.PROPOSED, target=State.APPROVED)
    def approve(self) -> None:
        """A second person agrees: the rows are carried out."""

    @transition(field=state, source=State.PROPOSED, target=State.REFUSED)
    def refuse(self) -> None:
        """A second person does not agree."""

    @transition(field=state, source=State.APPROVED, target=State.DONE)
    def finish(self) -> None:
        """Every row has its card."""


class IssueRow(models.Model):
    """One person of a list. Sealed for the citizen's own row and first document, both `citizen_key`, and emptied once these exist."""

    batch = models.ForeignKey(IssueBatch, models.PROTECT, related_name="rows", verbose_name=_("batch issue"))
    row = models.PositiveIntegerField(_("row"))
    citizen_key = models.UUIDField(editable=False)
    is_new = models.BooleanField(_("registered by this batch"))
    document_kind = models.CharField(_("document"), max_length=20, choices=IdentityDocument.Kind.choices)
    document_sealed = models.BinaryField()
    document_index = models.BinaryField(max_length=32)
    document_mask = models.CharField(_("document number"), max_length=40)
    name_sealed = models.BinaryField()
    name_index = models.BinaryField(max_length=32)
    name_mask = models.CharField(_("name"), max_length=100)
    phone_sealed = models.BinaryField(null=True)
    phone_index = models.BinaryField(max_length=32, null=True)
    phone_mask = models.CharField(_("phone"), max_length=20, blank=True)
    birth_sealed = models.BinaryField(null=True)
    card = models.OneToOneField(
        Card, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("card")
    )
    refusal = models.CharField(_("not carried out"), max_length=20, blank=True, default="", db_default="")
    """Why the row got no card: what `Fault` calls it."""

    class Meta:
        verbose_name = _("row of a batch issue")
        verbose_name_plural = _("rows of a batch issue")
        constraints = [
            models.UniqueConstraint(fields=["batch", "row"], name="issue_row_once"),
            models.UniqueConstraint(fields=["batch", "document_index"], name="issue_person_once_per_batch"),
            models.CheckConstraint(
                condition=models.Q(card=None) | models.Q(refusal=""), name="issue_row_card_or_refusal"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.batch_id} #{self.row}"
