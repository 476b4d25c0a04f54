"""Contracts with merchants: what they pay us, when they are paid, and with whom they share it."""

from __future__ import annotations

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeBoundary, RangeOperators
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from settlement.models.proposals import Proposal
from terminals.models import Merchant

WHOLE = 10_000
"""All of it, in 1/10,000: the highest rate, and what the weights of a split come to."""


class Contract(models.Model):
    """The terms of one merchant from its first to its last day. Append-only, but that an open end is set, once.

    The fee is priced in bands of what is measured: the gross (fen, price in 1/10,000) or the count of transactions (price
    in fen each). One band is a plain rate or a fixed fee, several are tiers. With the period `month` the bands, minimum and
    maximum are those of the calendar month so far. The database refuses two contracts at a time, a gap between
    two, bands without a beginning, and a contract that would begin before statements already made.
    """

    class Measure(models.TextChoices):
        GROSS = "gross", pgettext_lazy("fee", "gross")
        COUNT = "count", pgettext_lazy("fee", "transactions")

    class Period(models.TextChoices):
        DAY = "day", pgettext_lazy("period", "day")
        MONTH = "month", pgettext_lazy("period", "calendar month")

    class Split(models.TextChoices):
        NONE = "", pgettext_lazy("split", "none")
        NET = "net", pgettext_lazy("split", "of the net")
        GROSS = "gross", pgettext_lazy("split", "of the gross")

    number = models.CharField(_("contract number"), max_length=40, unique=True)
    merchant = models.ForeignKey(
        Merchant, models.PROTECT, related_name="contracts", verbose_name=_("merchant")
    )
    valid_from = models.DateField(_("valid from"))
    valid_until = models.DateField(_("valid until"), null=True, blank=True)
    legal_basis = models.CharField(_("legal basis"), max_length=200)
    measure = models.CharField(_("fee measured by"), max_length=5, choices=Measure.choices)
    period = models.CharField(_("fee counted per"), max_length=5, choices=Period.choices)
    minimum_fen = models.BigIntegerField(_("least fee of a period (fen)"), null=True, blank=True)
    maximum_fen = models.BigIntegerField(_("highest fee of a period (fen)"), null=True, blank=True)
    settle_days = models.PositiveSmallIntegerField(_("settled after (working days)"), default=1)
    split = models.CharField(_("split"), max_length=5, choices=Split.choices, blank=True)
    proposal = models.ForeignKey(
        Proposal, models.PROTECT, related_name="contracts", verbose_name=_("settlement proposal")
    )

    class Meta:
        verbose_name = _("contract")
        verbose_name_plural = _("contracts")
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(
                condition=models.Q(valid_until=None) | models.Q(valid_until__gte=models.F("valid_from")),
                name="settlement_contract_validity_order",
            ),
            models.CheckConstraint(
                condition=models.Q(measure__in=["gross", "count"], period__in=["day", "month"])
                & models.Q(split__in=["", "net", "gross"])
                & ~models.Q(legal_basis=""),
                name="settlement_contract_says_what_and_why",
            ),
            models.CheckConstraint(
                condition=(models.Q(minimum_fen=None) | models.Q(minimum_fen__gte=0))
                & (models.Q(maximum_fen=None) | models.Q(maximum_fen__gte=0))
                & (
                    models.Q(minimum_fen=None)
                    | models.Q(maximum_fen=None)
                    | models.Q(maximum_fen__gte=models.F("minimum_fen"))
                ),
                name="settlement_contract_bounds_in_order",
            ),
            ExclusionConstraint(
                name="settlement_one_contract_at_a_time",
                expressions=[
                    ("merchant", RangeOperators.EQUAL),
                    (
                        models.Func(
                            "valid_from",
                            "valid_until",
                            RangeBoundary(inclusive_upper=True),
                            function="daterange",
                            output_field=DateRangeField(),
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                ],
            ),
        ]

    def __str__(self) -> str:
        return self.number


class ContractBand(models.Model):
    """The price of what lies above `floor` and up to the next band's floor. Append-only by trigger."""

    contract = models.ForeignKey(Contract, models.PROTECT, related_name="bands", verbose_name=_("contract"))
    floor = models.BigIntegerField(_("above"))
    price = models.PositiveIntegerField(_("price"))

    class Meta:
        verbose_name = _("contract band")
        verbose_name_plural = _("contract bands")
        default_permissions = ()
        ordering = ["floor"]
        constraints = [
            models.UniqueConstraint(fields=["contract", "floor"], name="contract_band_once"),
            models.CheckConstraint(condition=models.Q(floor__gte=0), name="contract_band_from_zero_up"),
        ]

    def __str__(self) -> str:
        return f"{self.contract_id}: {self.floor}"


class ContractShare(models.Model):
    """Which part of a split a merchant gets, in 1/10,000. Append-only by trigger."""

    contract = models.ForeignKey(Contract, models.PROTECT, related_name="shares", verbose_name=_("contract"))
    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="+", verbose_name=_("merchant"))
    weight = models.PositiveIntegerField(_("weight (1/10,000)"))

    class Meta:
        verbose_name = _("contract share")
        verbose_name_plural = _("contract shares")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["contract", "merchant"], name="contract_share_once"),
            models.CheckConstraint(
                condition=models.Q(weight__gte=1, weight__lte=WHOLE), name="contract_share_within_the_whole"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.contract_id}: {self.merchant_id}"
