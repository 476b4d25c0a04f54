"""Passes: rides or visits paid in advance, by month, by number or by year."""

from __future__ import annotations

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, DateRangeField, RangeBoundary, RangeOperators
from django.db import models
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField, transition

from accounts.models.cards import Card
from accounts.models.ledger import LedgerAccount
from citizencard.core.states import StatefulModel


class PassProduct(models.Model):
    """The terms of a pass as sold from `valid_from` on, until the same code's next row. Append-only by trigger.

    With `rides` each ride moves its share of the price to who carried the holder; without, the price passes to the
    `operator` as time goes by. A pass without `validity_days` ends with the calendar month it begins in.
    """

    class Kind(models.TextChoices):
        MONTHLY = "monthly", _("monthly pass")
        TIMES = "times", _("times card")
        ANNUAL = "annual", _("annual pass")

    class Refund(models.TextChoices):
        NONE = "none", _("not refundable")
        UNUSED = "unused", _("until first used")
        PRO_RATA = "pro_rata", _("what is unused")

    class Unused(models.TextChoices):
        OPERATOR = "operator", _("operator")
        INCOME = "income", _("card company")

    code = models.SlugField(_("code"), max_length=20)
    valid_from = models.DateField(_("valid from"))
    name = models.CharField(_("name"), max_length=50)
    kind = models.CharField(_("kind"), max_length=7, choices=Kind.choices)
    price_fen = models.BigIntegerField(_("price (fen)"))
    rides = models.PositiveSmallIntegerField(
        _("rides"), null=True, blank=True, help_text=_("empty: any number")
    )
    validity_days = models.PositiveSmallIntegerField(
        _("validity (days)"), null=True, blank=True, help_text=_("empty: to the end of the calendar month")
    )
    channels = ArrayField(models.CharField(max_length=10), verbose_name=_("valid in"))
    operator = models.ForeignKey(
        LedgerAccount, models.PROTECT, related_name="+", verbose_name=_("operator's payable account")
    )
    concession = models.CharField(
        _("only for"),
        max_length=100,
        blank=True,
        help_text=_("what the buyer has to prove; empty: everybody"),
    )
    refund = models.CharField(_("refundable"), max_length=8, choices=Refund.choices)
    refund_fee_fen = models.BigIntegerField(_("refund fee (fen)"), default=0)
    unused = models.CharField(_("rides never taken go to"), max_length=8, choices=Unused.choices)
    legal_basis = models.CharField(_("legal basis"), max_length=200)

    class Meta:
        verbose_name = _("pass product")
        verbose_name_plural = _("pass products")
        constraints = [
            models.UniqueConstraint(fields=["code", "valid_from"], name="pass_product_once_per_date"),
            models.CheckConstraint(
                condition=models.Q(
                    price_fen__gt=0, refund_fee_fen__gte=0, refund_fee_fen__lte=models.F("price_fen")
                ),
                name="pass_product_amounts_sane",
            ),
            # No ride is worth less than a fen.
            models.CheckConstraint(
                condition=models.Q(rides=None) & ~models.Q(kind="times")
                | models.Q(rides__isnull=False, rides__gte=1, rides__lte=models.F("price_fen")),
                name="pass_product_rides_sane",
            ),
            models.CheckConstraint(
                condition=models.Q(validity_days=None) | models.Q(validity_days__gte=1),
                name="pass_product_validity_sane",
            ),
            models.CheckConstraint(
                condition=models.Q(channels__len__gte=1), name="pass_product_valid_somewhere"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.valid_from})"


class Pass(StatefulModel):
    """One pass of one card, from the first to the last day inclusive.

    `unused_fen` is the part of the price that neither rides nor time nor a refund has taken; account 2051 holds the sum
    of all. Rides and time move it set-wise in SQL; the database lets nothing change on a pass that is over.
    """

    class State(models.TextChoices):
        ACTIVE = "active", _("valid")
        USED_UP = "used_up", _("used up")
        EXPIRED = "expired", _("expired")
        REFUNDED = "refunded", _("refunded")

    class PaidBy(models.TextChoices):
        CASH = "cash", _("cash at the counter")
        PURSE = "purse", _("account purse")

    number = models.CharField(_("number"), max_length=40, unique=True)
    product = models.ForeignKey(PassProduct, models.PROTECT, related_name="passes", verbose_name=_("product"))
    card = models.ForeignKey(Card, models.PROTECT, related_name="passes", verbose_name=_("card"))
    starts_on = models.DateField(_("first day"))
    ends_on = models.DateField(_("last day"))
    price_fen = models.BigIntegerField(_("price (fen)"))
    rides_left = models.PositiveSmallIntegerField(_("rides left"), null=True, blank=True)
    unused_fen = models.BigIntegerField(_("unused (fen)"))
    refunded_fen = models.BigIntegerField(_("given back, fee included (fen)"), default=0)
    state = FSMField(_("state"), choices=State.choices, default=State.ACTIVE, protected=True)
    paid_by = models.CharField(_("paid by"), max_length=5, choices=PaidBy.choices)
    proof = models.CharField(_("proof seen"), max_length=100, blank=True)
    sold_at = models.DateTimeField(_("sold at"))

    class Meta:
        verbose_name = _("pass")
        verbose_name_plural = _("passes")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ends_on__gte=models.F("starts_on")), name="pass_days_in_order"
            ),
            models.CheckConstraint(
                condition=models.Q(unused_fen__gte=0, refunded_fen__gte=0, price_fen__gt=0)
                & models.Q(price_fen__gte=models.F("unused_fen") + models.F("refunded_fen")),
                name="pass_within_its_price",
            ),
            models.CheckConstraint(
                condition=models.Q(state="active", unused_fen__gt=0)
                | ~models.Q(state="active") & models.Q(unused_fen=0),
                name="pass_holds_something_while_it_runs",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="active", rides_left=0)
                & ~models.Q(state="used_up", rides_left__gt=0),
                name="pass_used_up_without_rides",
            ),
            ExclusionConstraint(
                name="one_running_pass_of_a_product_per_card",
                expressions=[
                    ("card", RangeOperators.EQUAL),
                    ("product", RangeOperators.EQUAL),
                    (
                        models.Func(
                            "starts_on",
                            "ends_on",
                            RangeBoundary(inclusive_upper=True),
                            function="daterange",
                            output_field=DateRangeField(),
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                ],
                condition=models.Q(state="active"),
            ),
        ]
        indexes = [
            models.Index(fields=["ends_on"], condition=models.Q(state="active"), name="pass_running_ends")
        ]

    def __str__(self) -> str:
        return self.number

    @transition(field=state, source=State.ACTIVE, target=State.REFUNDED)
    def refund(self) -> None:
        """What was unused went back to the holder."""


class PassUse(models.Model):
    """One ride or visit on a pass, once per `key`, which the event itself gives. Append-only by trigger.

    `fare_fen` is what it would have cost, `value_fen` what the pass paid for it: 0 where time pays. The payee has no
    foreign key in the database, which would lock a busy merchant's row.
    """

    key = models.CharField(_("idempotency key"), max_length=100, unique=True)
    card_pass = models.ForeignKey(Pass, models.PROTECT, related_name="uses", verbose_name=_("pass"))
    channel = models.CharField(_("channel"), max_length=10)
    payee = models.ForeignKey(
        LedgerAccount, models.PROTECT, db_constraint=False, related_name="+", verbose_name=_("payee")
    )
    fare_fen = models.BigIntegerField(_("fare (fen)"))
    value_fen = models.BigIntegerField(_("paid by the pass (fen)"))
    used_at = models.DateTimeField(_("used at"))

    class Meta:
        verbose_name = _("use of a pass")
        verbose_name_plural = _("uses of passes")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(fare_fen__gte=0, value_fen__gte=0), name="pass_use_amounts_sane"
            )
        ]

    def __str__(self) -> str:
        return self.key


class PassLapse(models.Model):
    """What time has taken of a pass up to and including `until`: months gone by, rides never taken. Append-only."""

    card_pass = models.ForeignKey(Pass, models.PROTECT, related_name="lapses", verbose_name=_("pass"))
    until = models.DateField(_("until"))
    value_fen = models.BigIntegerField(_("lapsed (fen)"))

    class Meta:
        verbose_name = _("lapse of a pass")
        verbose_name_plural = _("lapses of passes")
        constraints = [
            models.UniqueConstraint(fields=["card_pass", "until"], name="pass_lapses_once_per_date"),
            models.CheckConstraint(condition=models.Q(value_fen__gt=0), name="pass_lapse_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.card_pass_id} {self.until}"
