"""What rides cost: the charge of a ride in its versions, what payers owe for it, and how far the pricing of a day is."""

from __future__ import annotations

import json
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _


class FareCharge(models.Model):
    """A ride's price by the published documents, beside what its chip has paid. Partitioned by the tap's business date.

    Keyed by card and counter; worked out anew (a late tap, a concession), it gets the next version. `given_fen` is what
    this version gives back, with `order_id` the top-up it waits in; `how` why a ride is not priced as it was tapped.
    """

    class How(models.TextChoices):
        TAPPED = "", _("as tapped")
        HELD = "held", _("a tap is missing: highest fare")
        INFERRED = "inferred", _("a missing tap was inferred")
        CLAIMED = "claimed", _("a missing tap was claimed")
        BUDGET = "budget", _("inferred too often this half-year: not given back")
        DOUBLE = "double", _("tapped twice: free")
        MERGED = "merged", _("part of another ride")

    pk = models.CompositePrimaryKey("business_date", "id")
    id = models.BigIntegerField()
    business_date = models.DateField(_("business date"))
    card_id = models.BigIntegerField()
    atc = models.IntegerField(_("offline ATC"))
    version = models.SmallIntegerField(_("version"))
    merchant_id = models.BigIntegerField()
    tariff = models.CharField(_("tariff"), max_length=64)
    ride_at = models.DateTimeField(_("ride began"))
    charged_fen = models.BigIntegerField(_("taken by the chip (fen)"))
    full_fen = models.BigIntegerField(_("full fare (fen)"))
    due_fen = models.BigIntegerField(_("due (fen)"))
    given_fen = models.BigIntegerField(_("given back (fen)"))
    order_id = models.BigIntegerField(null=True)
    how = models.CharField(_("how priced"), max_length=10, choices=How.choices)
    derivation = models.BinaryField(_("derivation"))
    digest = models.BinaryField(_("SHA-256"), max_length=32)
    priced_at = models.DateTimeField(_("priced at"))

    class Meta:
        managed = False
        default_permissions = ()
        db_table = "terminals_farecharge"
        verbose_name = _("fare charge")
        verbose_name_plural = _("fare charges")

    def __str__(self) -> str:
        return f"{self.card_id}-{self.atc} v{self.version}"

    @property
    def derived(self) -> dict[str, Any]:
        """The derivation's JSON."""
        content: dict[str, Any] = json.loads(bytes(self.derivation))
        return content


class FareShare(models.Model):
    """What a payer owes a merchant for a rule's part in one version of a ride: the change against the version before.

    Partitioned by the business date it was booked on; `booking_id` is the source of the transfer that holds it.
    """

    pk = models.CompositePrimaryKey("business_date", "id")
    id = models.BigIntegerField()
    business_date = models.DateField(_("business date"))
    booking_id = models.BigIntegerField()
    ride_date = models.DateField(_("date of the ride"))
    card_id = models.BigIntegerField()
    atc = models.IntegerField(_("offline ATC"))
    version = models.SmallIntegerField(_("version"))
    merchant_id = models.BigIntegerField()
    payer = models.CharField(_("payer"), max_length=64)
    rule = models.CharField(_("rule"), max_length=64)
    amount_fen = models.BigIntegerField(_("amount (fen)"))

    class Meta:
        managed = False
        default_permissions = ()
        db_table = "terminals_fareshare"
        verbose_name = _("share of a fare")
        verbose_name_plural = _("shares of fares")

    def __str__(self) -> str:
        return f"{self.payer} {self.card_id}-{self.atc} v{self.version}"


class FarePricing(models.Model):
    """How far the pricing of a business date's taps is: `last_card_id` is done; `faults` counts taps without a fare by reason."""

    business_date = models.DateField(_("business date"), primary_key=True)
    last_card_id = models.BigIntegerField(default=0, db_default=0)
    cards = models.PositiveIntegerField(_("cards"), default=0, db_default=0)
    charges = models.PositiveIntegerField(_("charges written"), default=0, db_default=0)
    given_fen = models.BigIntegerField(_("given back (fen)"), default=0, db_default=0)
    faults = models.JSONField(_("taps without a fare"), default=dict)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)

    class Meta:
        default_permissions = ()
        verbose_name = _("pricing of a day")
        verbose_name_plural = _("pricing of days")

    def __str__(self) -> str:
        return str(self.business_date)
