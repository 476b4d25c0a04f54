"""Purchases taken back: by the same day's cancellation, or later in part or whole; and how long a channel allows that."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import TopUpOrder
from terminals.models.field import Channel
from terminals.models.fleet import Terminal


class ReturnPolicy(models.Model):
    """Whether a channel's purchases may be cancelled on their day, and for how many days refunded; 0: never.

    Dated and append-only by trigger: a successor ends it.
    """

    channel = models.CharField(_("channel"), max_length=10, choices=Channel.choices)
    valid_from = models.DateField(_("valid from"))
    cancel = models.BooleanField(_("may be cancelled the same day"))
    refund_days = models.PositiveIntegerField(_("may be refunded for (days)"))
    legal_basis = models.CharField(_("legal basis"), max_length=200)

    class Meta:
        verbose_name = _("return policy")
        verbose_name_plural = _("return policies")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["channel", "valid_from"], name="return_policy_once_per_date"),
            models.CheckConstraint(condition=~models.Q(legal_basis=""), name="return_policy_says_why"),
        ]

    def __str__(self) -> str:
        return f"{self.channel} ({self.valid_from})"


class PurchaseReturn(models.Model):
    """What was given back of one tap, as a top-up order for its chip. Append-only; a trigger keeps all of a tap within it.

    A cancellation (`number` empty) is of the whole amount and once per tap; a refund has a running number of its terminal, or,
    given at the counter, a negative one of the office's form.
    """

    tap_date = models.DateField(_("business date of the purchase"))
    tap_id = models.BigIntegerField(_("purchase"))
    terminal = models.ForeignKey(Terminal, models.PROTECT, related_name="returns", verbose_name=_("terminal"))
    number = models.BigIntegerField(_("number"), null=True, blank=True)
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    order = models.OneToOneField(
        TopUpOrder, models.PROTECT, related_name="purchase_return", verbose_name=_("top-up order")
    )
    business_date = models.DateField(_("business date"))
    occurred_at = models.DateTimeField(_("occurred at"))
    received_at = models.DateTimeField(_("received at"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("returned purchase")
        verbose_name_plural = _("returned purchases")
        default_permissions = ("view",)
        permissions = [("refund_purchase", _("Give a purchase back at the counter"))]
        indexes = [models.Index(fields=["tap_date", "tap_id"], name="return_of_tap")]
        constraints = [
            models.UniqueConstraint(
                fields=["tap_date", "tap_id"], condition=models.Q(number=None), name="tap_cancelled_once"
            ),
            models.UniqueConstraint(fields=["terminal", "number"], name="refund_number_once_per_terminal"),
            models.CheckConstraint(condition=models.Q(amount_fen__gt=0), name="return_amount_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.tap_date} #{self.tap_id}"
