"""Subsidies: an agency's file of amounts for citizens' cards, uploaded by one person and approved by another."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField, transition

from accounts.models.cards import Purse
from accounts.models.ledger import LedgerAccount
from citizencard.core.states import StatefulModel


class SubsidyBatch(StatefulModel):
    """One file of one payer: uploaded → approved, or refused. Its lines add up to what its header says.

    `payer` is the payer's account 1231.<code>; `sha256` is of the file as it came, so the checker approves what the payer
    sent. The database wants another person as checker than the one who uploaded.
    """

    class State(models.TextChoices):
        UPLOADED = "uploaded", _("uploaded")
        APPROVED = "approved", _("approved")
        REFUSED = "refused", _("refused")

    number = models.CharField(_("batch number"), max_length=32, unique=True)
    payer = models.ForeignKey(LedgerAccount, models.PROTECT, verbose_name=_("payer"))
    title = models.CharField(_("title"), max_length=100)
    count = models.PositiveIntegerField(_("lines"))
    total_fen = models.BigIntegerField(_("total (fen)"))
    sha256 = models.BinaryField(_("SHA-256"), max_length=32, unique=True, editable=False)
    state = FSMField(_("state"), choices=State.choices, default=State.UPLOADED, protected=True)
    maker = models.CharField(_("uploaded by"), max_length=100)
    checker = models.CharField(_("checked by"), max_length=100, blank=True)
    uploaded_at = models.DateTimeField(_("uploaded at"), auto_now_add=True)
    checked_at = models.DateTimeField(_("checked at"), null=True, blank=True)

    class Meta:
        verbose_name = _("subsidy batch")
        verbose_name_plural = _("subsidy batches")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(count__gt=0, total_fen__gt=0), name="subsidy_batch_not_empty"
            ),
            models.CheckConstraint(
                condition=~models.Q(checker=models.F("maker")), name="subsidy_checked_by_another"
            ),
            models.CheckConstraint(
                condition=models.Q(state="uploaded", checker="", checked_at=None)
                | models.Q(state__in=["approved", "refused"], checker__gt="", checked_at__isnull=False),
                name="subsidy_state_has_its_facts",
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @transition(field=state, source=State.UPLOADED, target=State.APPROVED)
    def approve(self) -> None:
        """A second person agrees: the amounts go to the cards."""

    @transition(field=state, source=State.UPLOADED, target=State.REFUSED)
    def refuse(self) -> None:
        """A second person does not agree: the amounts go nowhere."""


class SubsidyLine(models.Model):
    """One row of the file: `amount_fen` for one purse. Append-only by trigger."""

    batch = models.ForeignKey(SubsidyBatch, models.PROTECT, related_name="lines", verbose_name=_("batch"))
    row = models.PositiveIntegerField(_("row"))
    purse = models.ForeignKey(Purse, models.PROTECT, related_name="+", verbose_name=_("purse"))
    amount_fen = models.BigIntegerField(_("amount (fen)"))

    class Meta:
        verbose_name = _("subsidy line")
        verbose_name_plural = _("subsidy lines")
        constraints = [
            models.UniqueConstraint(fields=["batch", "row"], name="subsidy_row_once"),
            models.UniqueConstraint(fields=["batch", "purse"], name="subsidy_purse_once_per_batch"),
            models.CheckConstraint(condition=models.Q(amount_fen__gt=0), name="subsidy_amount_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.batch_id} #{self.row}"


class SubsidyFunds(models.Model):
    """Money a payer has paid in for its subsidies, known by the bank's reference. Append-only by trigger."""

    payer = models.ForeignKey(LedgerAccount, models.PROTECT, verbose_name=_("payer"))
    reference = models.CharField(_("bank reference"), max_length=60)
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    actor = models.CharField(_("actor"), max_length=100)
    occurred_at = models.DateTimeField(_("occurred at"))

    class Meta:
        verbose_name = _("subsidy funds")
        verbose_name_plural = _("subsidy funds")
        constraints = [
            models.UniqueConstraint(fields=["payer", "reference"], name="subsidy_funds_once"),
            models.CheckConstraint(condition=models.Q(amount_fen__gt=0), name="subsidy_funds_positive"),
        ]

    def __str__(self) -> str:
        return self.reference
