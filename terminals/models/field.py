"""The field: merchants, and the hot list."""

from __future__ import annotations

from typing import Final

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import LedgerAccount

COUNTY: Final = r"^([0-9]{6})?$"
"""A county's code by GB/T 2260, or nothing."""


class Channel(models.TextChoices):
    """Where a card meets a machine."""

    BUS = "bus", _("bus")
    METRO = "metro", _("metro")
    HOSPITAL = "hospital", _("hospital")
    PHARMACY = "pharmacy", _("pharmacy")
    PARK = "park", _("park")
    SHOP = "shop", _("shop")
    PARKING = "parking", _("car park")
    TAXI = "taxi", _("taxi")
    BIKE = "bike", _("public bike")


class Merchant(models.Model):
    """A party that is paid: operator, hospital, shop. `payable` collects taps, `settlement` what is due for payout.

    On what terms is said by its contracts, in settlement. `county` is where it trades (GB/T 2260), empty where it is not known.
    """

    code = models.SlugField(_("code"), max_length=20, unique=True)
    name = models.CharField(_("name"), max_length=100)
    channel = models.CharField(_("channel"), max_length=10, choices=Channel.choices)
    county = models.CharField(_("county"), max_length=6, blank=True, default="", db_default="")
    payable = models.OneToOneField(
        LedgerAccount, models.PROTECT, related_name="+", verbose_name=_("payable account")
    )
    settlement = models.OneToOneField(
        LedgerAccount, models.PROTECT, related_name="+", verbose_name=_("settlement account")
    )

    class Meta:
        verbose_name = _("merchant")
        verbose_name_plural = _("merchants")
        constraints = [
            models.CheckConstraint(condition=models.Q(county__regex=COUNTY), name="merchant_county_coded")
        ]

    def __str__(self) -> str:
        return self.name


class HotListEntry(models.Model):
    """A card that must not be accepted from `effective_at` on; for a loss that is when its holder reported it.

    Each listing and each removal is a change that a trigger writes down and `publish_hot_list` publishes with a version
    of the list.
    """

    class Cause(models.TextChoices):
        LOSS = "loss", _("reported lost")
        REFUND = "refund", _("refund under way")
        SUSPICION = "suspicion", _("suspicion")
        CARTON = "carton", _("carton lost")
        REPLACED = "replaced", _("replaced by another card")
        DECEASED = "deceased", _("the holder has died")

    version = models.BigAutoField(primary_key=True)
    pan = models.CharField(_("card number"), max_length=19, db_index=True)
    cause = models.CharField(
        _("cause"), max_length=9, choices=Cause.choices, default=Cause.LOSS, db_default=Cause.LOSS
    )
    reason = models.CharField(_("reason"), max_length=100)
    effective_at = models.DateTimeField(_("effective at"))
    removed_at = models.DateTimeField(_("removed at"), null=True, blank=True)
    listed_at = models.DateTimeField(_("listed at"), db_default=Now(), editable=False)
    listed_by = models.CharField(_("listed by"), max_length=100, blank=True, default="", db_default="")

    class Meta:
        verbose_name = _("hot list entry")
        verbose_name_plural = _("hot list")
        constraints = [
            models.UniqueConstraint(
                fields=["pan"], condition=models.Q(removed_at=None), name="one_live_hot_list_entry_per_card"
            )
        ]

    def __str__(self) -> str:
        return self.pan
