"""Batches of cards for the printer: what was ordered from the bureau, and what came back."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Card


class BureauBatch(models.Model):
    """Cards ordered together. The same cards are the same batch, however often its file is written."""

    cards_digest = models.BinaryField(max_length=32, unique=True)
    """SHA-256 over the sorted card numbers, one a line."""
    ordered_by = models.CharField(_("ordered by"), max_length=100)
    ordered_at = models.DateTimeField(_("ordered at"), auto_now_add=True)
    emissions = models.PositiveIntegerField(_("files written"), default=0)

    class Meta:
        verbose_name = _("bureau batch")
        verbose_name_plural = _("bureau batches")

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        """The batch number, as files and people name it."""
        return f"B{self.pk:06d}"


class BureauLine(models.Model):
    """One card of a batch."""

    class Outcome(models.TextChoices):
        ORDERED = "ordered", _("ordered")
        MADE = "made", _("made")
        SPOILED = "spoiled", _("spoiled")

    batch = models.ForeignKey(BureauBatch, models.PROTECT, related_name="lines", verbose_name=_("batch"))
    card = models.ForeignKey(Card, models.PROTECT, related_name="bureau_lines", verbose_name=_("card"))
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome.choices, default=Outcome.ORDERED)
    chip_serial = models.CharField(_("chip serial"), max_length=16, blank=True)
    answered_at = models.DateTimeField(_("answered at"), null=True, blank=True)

    class Meta:
        verbose_name = _("bureau line")
        verbose_name_plural = _("bureau lines")
        constraints = [
            models.UniqueConstraint(fields=["batch", "card"], name="bureau_card_once_per_batch"),
            models.UniqueConstraint(
                fields=["card"], condition=~models.Q(outcome="spoiled"), name="bureau_card_in_one_batch"
            ),
            models.UniqueConstraint(
                fields=["chip_serial"], condition=~models.Q(chip_serial=""), name="bureau_chip_once"
            ),
            models.CheckConstraint(
                condition=models.Q(outcome="made") & ~models.Q(chip_serial="")
                | ~models.Q(outcome="made") & models.Q(chip_serial=""),
                name="bureau_chip_of_a_made_card",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.batch.number} {self.card_id}"
