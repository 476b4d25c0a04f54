"""The figures of a sealed business date by merchant, line, channel, product and county: what reports are made of."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import CardProduct
from settlement.models.clearing import ClearingRun
from terminals.models import Line, Merchant


class RollUp(models.Model):
    """A sealed date has been rolled up, once. Append-only by trigger.

    The database takes it after its rows and only if they come to the statements of the date, and none of a closed month.
    """

    run = models.OneToOneField(ClearingRun, models.PROTECT, primary_key=True, verbose_name=_("clearing run"))
    rows = models.PositiveIntegerField(_("rows"))
    made_at = models.DateTimeField(_("made at"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("roll-up of a date")
        verbose_name_plural = _("roll-ups of dates")
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.run_id)


class RollUpRow(models.Model):
    """What one merchant earned on a date, as far as line, product and county tell it apart. Append-only by trigger.

    Gross is `taps_fen + online_fen + subsidy_fen - refund_fen`. `online_taps` are those of `taps` that came in at once, `online` what was
    paid without a tap. What the ledger does not tell apart has no line or no product: fees and adjustments, which are a
    merchant's, never have. Channel and county are those of the date of the roll-up.
    """

    run = models.ForeignKey(ClearingRun, models.PROTECT, db_index=False, verbose_name=_("clearing run"))
    merchant = models.ForeignKey(
        Merchant, models.PROTECT, db_index=False, related_name="+", verbose_name=_("merchant")
    )
    line = models.ForeignKey(
        Line,
        models.PROTECT,
        null=True,
        db_index=False,
        related_name="+",
        verbose_name=pgettext_lazy("transit", "line"),
    )
    channel = models.CharField(_("channel"), max_length=10)
    product = models.ForeignKey(
        CardProduct,
        models.PROTECT,
        null=True,
        db_index=False,
        related_name="+",
        verbose_name=_("card product"),
    )
    county = models.CharField(_("county"), max_length=6, blank=True)
    taps = models.BigIntegerField(_("taps"), default=0)
    taps_fen = models.BigIntegerField(_("taps (fen)"), default=0)
    online_taps = models.BigIntegerField(_("taps sent at once"), default=0)
    suspended_taps = models.BigIntegerField(_("suspended taps"), default=0)
    suspended_fen = models.BigIntegerField(_("suspended (fen)"), default=0)
    online = models.BigIntegerField(_("online payments"), default=0)
    online_fen = models.BigIntegerField(_("online payments (fen)"), default=0)
    subsidy_fen = models.BigIntegerField(_("fare subsidies (fen)"), default=0)
    refund_fen = models.BigIntegerField(_("given back (fen)"), default=0)
    fee_fen = models.BigIntegerField(_("fee (fen)"), default=0)
    adjusted_fen = models.BigIntegerField(_("adjustments (fen)"), default=0)

    class Meta:
        verbose_name = _("row of a roll-up")
        verbose_name_plural = _("rows of roll-ups")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["run", "merchant", "line", "product", "county"],
                nulls_distinct=False,
                name="roll_up_row_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.merchant_id}"
