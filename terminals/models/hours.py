"""When a merchant trades: what the rule about trade outside the hours goes by."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from terminals.models.field import Merchant


class TradingHours(models.Model):
    """A merchant's hours from a day on, as its contract says; until `closes` of the next day where that is the earlier.

    The same time twice is round the clock. A merchant without hours of its own has those of its channel, as the rule's
    parameters have them. Append-only by trigger.
    """

    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="hours", verbose_name=_("merchant"))
    valid_from = models.DateField(_("valid from"))
    opens = models.TimeField(_("opens"))
    closes = models.TimeField(_("closes"))
    legal_basis = models.CharField(_("legal basis"), max_length=200)

    class Meta:
        verbose_name = _("trading hours")
        verbose_name_plural = _("trading hours")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["merchant", "valid_from"], name="trading_hours_once_per_date"),
            models.CheckConstraint(condition=~models.Q(legal_basis=""), name="trading_hours_say_why"),
        ]

    def __str__(self) -> str:
        return f"{self.merchant_id} {self.opens:%H:%M}–{self.closes:%H:%M}"
