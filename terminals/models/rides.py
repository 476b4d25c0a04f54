"""Rides paid by ride code from account purses."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import Card
from terminals.models.field import Merchant
from terminals.models.fleet import Terminal


class Ride(models.Model):
    """A ride as a terminal reported it, and what became of it. Append-only by trigger; a code's number pays once.

    `outcome` is `paid`, `claimed` (the purse could not pay any more: the merchant is paid, the holder owes it), or the code of
    `terminals.wire.reasons` by which it is refused.
    """

    PAID, CLAIMED = "paid", "claimed"
    TAKEN = (PAID, CLAIMED)

    terminal = models.ForeignKey(
        Terminal, models.PROTECT, related_name="rides", db_index=False, verbose_name=_("terminal")
    )
    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="+", verbose_name=_("merchant"))
    number = models.BinaryField(_("number of the code"), max_length=32)
    """16 bytes as signed; of a text that is no code, the SHA-256 of the text."""
    card = models.ForeignKey(Card, models.PROTECT, null=True, related_name="rides", verbose_name=_("card"))
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    occurred_at = models.DateTimeField(_("occurred at"))
    place = models.CharField(_("place"), max_length=40, blank=True)
    outcome = models.CharField(_("outcome"), max_length=20)
    received_at = models.DateTimeField(_("received at"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("ride by code")
        verbose_name_plural = _("rides by code")
        constraints = [
            models.UniqueConstraint(fields=["terminal", "number"], name="ride_once_per_terminal"),
            models.UniqueConstraint(
                fields=["number"],
                condition=models.Q(outcome__in=["paid", "claimed"]),
                name="ride_code_pays_once",
            ),
            models.CheckConstraint(
                condition=~models.Q(outcome__in=["paid", "claimed"]) | models.Q(card__isnull=False),
                name="ride_paid_by_a_card",
            ),
            models.CheckConstraint(condition=models.Q(amount_fen__gte=0), name="ride_amount_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.terminal_id} {bytes(self.number).hex()[:8]} {self.outcome}"
