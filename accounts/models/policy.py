"""Limits on money as dated policy: what the law or the operator allows, from which day, and on what ground."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models.cards import CardProduct


class LimitPolicy(models.Model):
    """One version of one rule, found by `code`. Append-only by trigger: its successor ends it, never an edit.

    The version of a date is the code's newest one that began by then, unless `valid_until` (the last day) is over. A rule
    holds for what its scope names: product, channel, verification level; left empty, for all of them.
    """

    class Measure(models.TextChoices):
        MINIMUM = "minimum", _("at least, at once")
        SINGLE = "single", _("at most, at once")
        DAILY = "daily", _("at most in a day")
        MONTHLY = "monthly", _("at most in a calendar month")
        BALANCE = "balance", _("balance at most")

    class Operation(models.TextChoices):
        TOP_UP = "top_up", _("top-up")
        PAYMENT = "payment", _("payment")

    class Level(models.IntegerChoices):
        ANONYMOUS = 0, _("no holder on record")
        CHECKED = 1, _("L1: phone and identity checked")
        SEEN = 2, _("L2: seen in person")

    code = models.SlugField(_("rule"), max_length=40, db_index=False)
    measure = models.CharField(_("measure"), max_length=7, choices=Measure.choices)
    operation = models.CharField(_("operation"), max_length=7, choices=Operation.choices)
    product = models.ForeignKey(
        CardProduct,
        models.PROTECT,
        null=True,
        blank=True,
        verbose_name=_("product"),
        help_text=_("empty: all"),
    )
    channel = models.CharField(_("channel"), max_length=10, blank=True, help_text=_("empty: all"))
    level = models.PositiveSmallIntegerField(
        _("verification level"), choices=Level.choices, null=True, blank=True, help_text=_("empty: all")
    )
    limit_fen = models.BigIntegerField(_("limit (fen)"))
    valid_from = models.DateField(_("valid from"))
    valid_until = models.DateField(_("valid until"), null=True, blank=True)
    legal_basis = models.CharField(_("legal basis"), max_length=200)

    class Meta:
        verbose_name = _("limit")
        verbose_name_plural = _("limits")
        constraints = [
            models.UniqueConstraint(fields=["code", "valid_from"], name="limit_once_per_date"),
            models.CheckConstraint(
                condition=models.Q(
                    limit_fen__gte=0,
                    measure__in=["minimum", "single", "daily", "monthly", "balance"],
                    operation__in=["top_up", "payment"],
                )
                & ~models.Q(legal_basis=""),
                name="limit_says_what_and_why",
            ),
            models.CheckConstraint(
                condition=~models.Q(measure="balance") | models.Q(operation="top_up"),
                name="limit_of_balance_is_of_top_ups",
            ),
            models.CheckConstraint(
                condition=models.Q(valid_until=None) | models.Q(valid_until__gte=models.F("valid_from")),
                name="limit_validity_order",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} ({self.valid_from})"
