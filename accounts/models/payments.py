"""Payments from an account purse, and what was given back of them."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models.cards import Purse
from accounts.models.holds import Hold
from accounts.models.ledger import LedgerAccount


class Payment(models.Model):
    """`amount_fen` from an account purse to a payee, once per `key`. Append-only by trigger.

    The payee has no foreign key in the database: each payment would lock the row of a busy merchant's account. The ledger
    refuses accounts that do not exist.
    """

    key = models.CharField(_("idempotency key"), max_length=100)
    purse = models.ForeignKey(
        Purse, models.PROTECT, db_index=False, related_name="payments", verbose_name=_("purse")
    )
    payee = models.ForeignKey(
        LedgerAccount,
        models.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="+",
        verbose_name=_("payee"),
    )
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    channel = models.CharField(_("channel"), max_length=10)
    place = models.CharField(_("place"), max_length=50, blank=True)
    hold = models.ForeignKey(
        Hold,
        models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        related_name="payments",
        verbose_name=_("hold"),
    )
    counted_on = models.DateField(_("counted on"), help_text=_("the date whose limits it uses up"))
    actor = models.CharField(_("actor"), max_length=100)
    occurred_at = models.DateTimeField(_("occurred at"))

    class Meta:
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        # No more indexes than are read: each is written at every payment.
        constraints = [
            models.UniqueConstraint(fields=["key"], name="payment_once_per_key"),
            models.CheckConstraint(condition=models.Q(amount_fen__gt=0), name="payment_amount_positive"),
        ]
        indexes = [
            models.Index(fields=["purse", "counted_on"], name="payment_counted"),
            models.Index(fields=["hold"], condition=models.Q(hold__isnull=False), name="payment_from_hold"),
        ]

    def __str__(self) -> str:
        return self.key


class PaymentRefund(models.Model):
    """What a payee gave back of a payment. Append-only; a trigger keeps all refunds together within the payment."""

    payment = models.ForeignKey(Payment, models.PROTECT, related_name="refunds", verbose_name=_("payment"))
    key = models.CharField(_("idempotency key"), max_length=100, unique=True)
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    reason = models.CharField(_("reason"), max_length=200)
    actor = models.CharField(_("actor"), max_length=100)
    occurred_at = models.DateTimeField(_("occurred at"))

    class Meta:
        verbose_name = _("payment refund")
        verbose_name_plural = _("payment refunds")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(amount_fen__gt=0), name="payment_refund_amount_positive"
            )
        ]

    def __str__(self) -> str:
        return self.key
