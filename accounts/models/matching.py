"""The three-way match of top-ups: the gateway's own statement, and what differs from ours."""

from __future__ import annotations

from datetime import date

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models.topup import TopUpOrder


class GatewayEntry(models.Model):
    """A payment or refund as the gateway listed it last: `gateway_id` and `reference` (order number or refund key)."""

    class Kind(models.TextChoices):
        PAYMENT = "payment", _("payment")
        REFUND = "refund", _("refund")

    gateway_id = models.CharField(_("id at the gateway"), max_length=255, primary_key=True)
    kind = models.CharField(_("kind"), max_length=7, choices=Kind.choices)
    payment_id = models.CharField(_("gateway payment"), max_length=255, db_index=True)
    reference = models.CharField(_("our reference"), max_length=255, blank=True)
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    currency = models.CharField(_("currency"), max_length=10)
    status = models.CharField(_("status"), max_length=10)
    created_at = models.DateTimeField(_("created at"), db_index=True)

    class Meta:
        verbose_name = _("entry of the gateway's statement")
        verbose_name_plural = _("entries of the gateway's statement")

    def __str__(self) -> str:
        return self.gateway_id


class TopUpDifference(models.Model):
    """Something on which order, gateway, chip and ledger do not agree. Open until a match no longer finds it.

    `subject` is the order's number, or the gateway's id of something we have no order for. One row is open per kind and
    subject; one that comes back after it was closed is a new row.
    """

    class Kind(models.TextChoices):
        PAID_NOT_BOOKED = "paid_not_booked", _("paid at the gateway, not booked")
        BOOKED_NOT_PAID = "booked_not_paid", _("booked, not paid at the gateway")
        AMOUNT_DIFFERS = "amount_differs", _("amount differs")
        REVERSED_NOT_REFUNDED = "reversed_not_refunded", _("reversed, not refunded")
        REFUNDED_NOT_BOOKED = "refunded_not_booked", _("refunded at the gateway, not booked")
        REFUND_DIFFERS = "refund_differs", _("refund differs")
        LOADED_NOT_PROVEN = "loaded_not_proven", _("loaded, not proven by the chip")
        LEDGER_DIFFERS = "ledger_differs", _("ledger differs")

    class Owner(models.TextChoices):
        FINANCE = "finance", _("finance")
        COUNTER = "counter", _("service hall")

    kind = models.CharField(_("kind"), max_length=24, choices=Kind.choices)
    subject = models.CharField(_("subject"), max_length=255)
    order = models.ForeignKey(
        TopUpOrder,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="differences",
        verbose_name=_("top-up order"),
    )
    ours_fen = models.BigIntegerField(_("ours (fen)"))
    theirs_fen = models.BigIntegerField(_("theirs (fen)"))
    owner = models.CharField(_("owner"), max_length=10, choices=Owner.choices)
    first_seen = models.DateField(_("first seen"))
    last_seen = models.DateField(_("last seen"))
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)
    closed_by = models.CharField(_("closed by"), max_length=100, blank=True, default="", db_default="")
    note = models.CharField(_("note"), max_length=200, blank=True, default="", db_default="")

    class Meta:
        verbose_name = _("top-up difference")
        verbose_name_plural = _("top-up differences")
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject"], condition=models.Q(closed_at=None), name="one_open_difference"
            ),
            models.CheckConstraint(
                condition=models.Q(closed_at=None, closed_by="")
                | models.Q(closed_at__isnull=False, closed_by__gt=""),
                name="difference_closed_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"

    def age_days(self, on: date) -> int:
        """How many days after the first match that found it."""
        return (on - self.first_seen).days
