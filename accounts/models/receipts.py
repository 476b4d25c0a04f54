"""Receipts: what somebody paid or was paid at a counter, on paper, numbered without a gap."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models.drawers import DrawerEntry
from accounts.models.stock import StockPlace


class Receipt(models.Model):
    """The receipt of one drawer entry, numbered from 1 by hall and day. Append-only by trigger; its words are the journal's."""

    entry = models.OneToOneField(
        DrawerEntry, models.PROTECT, related_name="receipt", verbose_name=_("drawer entry")
    )
    hall = models.ForeignKey(
        StockPlace, models.PROTECT, related_name="receipts", verbose_name=_("service hall")
    )
    day = models.DateField(_("day"))
    running = models.PositiveIntegerField(_("number"))
    actor = models.CharField(_("actor"), max_length=150)
    issued_at = models.DateTimeField(_("issued at"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("receipt")
        verbose_name_plural = _("receipts")
        constraints = [
            models.UniqueConstraint(fields=["hall", "day", "running"], name="receipt_number_once"),
            models.CheckConstraint(condition=Q(running__gte=1), name="receipt_number_from_one"),
        ]

    def __str__(self) -> str:
        return f"{self.hall.code}-{self.day:%Y%m%d}-{self.running:04d}"
