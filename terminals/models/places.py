"""Where terminals stand: stops, lines and their routes, and the places at which a terminal is mounted.

Codes are the planners' own and never change hands: an import finds again by them what it brought before.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from terminals.models.field import COUNTY, Merchant


class Stop(models.Model):
    """A bus stop or a station. `zone` is what tariffs count; coordinates are WGS 84 in degrees."""

    code = models.CharField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=100)
    zone = models.CharField(_("fare zone"), max_length=20, blank=True, db_default="", default="")
    latitude = models.DecimalField(_("latitude"), max_digits=8, decimal_places=6, null=True, blank=True)
    longitude = models.DecimalField(_("longitude"), max_digits=9, decimal_places=6, null=True, blank=True)

    class Meta:
        verbose_name = _("stop")
        verbose_name_plural = _("stops")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(latitude=None, longitude=None)
                | models.Q(
                    latitude__isnull=False,
                    longitude__isnull=False,
                    latitude__range=(-90, 90),
                    longitude__range=(-180, 180),
                ),
                name="stop_is_on_earth",
            )
        ]

    def __str__(self) -> str:
        return self.name


class Line(models.Model):
    """A line as passengers know it, and the merchant who runs it."""

    code = models.CharField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=100)
    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="lines", verbose_name=_("merchant"))
    tariff_code = models.CharField(_("tariff"), max_length=64, blank=True, default="", db_default="")
    """What planners are told a ride costs; each of its terminals has its own, which it charges by."""

    class Meta:
        verbose_name = pgettext_lazy("transit", "line")
        verbose_name_plural = _("lines")

    def __str__(self) -> str:
        return self.name


class Route(models.Model):
    """One way along a line: there, back, or a short working."""

    code = models.CharField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=100)
    line = models.ForeignKey(
        Line, models.PROTECT, related_name="routes", verbose_name=pgettext_lazy("transit", "line")
    )

    class Meta:
        verbose_name = _("route")
        verbose_name_plural = _("routes")

    def __str__(self) -> str:
        return self.name


class RouteStop(models.Model):
    """A stop of a route: its rank, counted from 1, and the metres driven from the first stop."""

    route = models.ForeignKey(Route, models.CASCADE, related_name="calls", verbose_name=_("route"))
    rank = models.PositiveSmallIntegerField(_("rank"))
    stop = models.ForeignKey(Stop, models.PROTECT, related_name="calls", verbose_name=_("stop"))
    distance_m = models.PositiveIntegerField(_("distance (m)"))

    class Meta:
        verbose_name = _("stop of a route")
        verbose_name_plural = _("stops of a route")
        constraints = [
            models.UniqueConstraint(fields=["route", "rank"], name="one_stop_per_rank"),
            models.CheckConstraint(condition=models.Q(rank__gte=1), name="route_ranks_from_one"),
        ]

    def __str__(self) -> str:
        return f"{self.route_id} {self.rank}"


class Place(models.Model):
    """What a terminal is mounted on: a vehicle (of a line, if it keeps to one), a gate at a stop, a shop, a car park.

    `county` is where it stands (GB/T 2260); empty: where its merchant trades.
    """

    class Kind(models.TextChoices):
        VEHICLE = "vehicle", _("vehicle")
        GATE = "gate", _("gate")
        SHOP = "shop", _("shop")
        PARKING = "parking", _("car park")

    code = models.CharField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("kind"), max_length=7, choices=Kind.choices)
    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="places", verbose_name=_("merchant"))
    line = models.ForeignKey(
        Line,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="vehicles",
        verbose_name=pgettext_lazy("transit", "line"),
    )
    stop = models.ForeignKey(
        Stop, models.PROTECT, null=True, blank=True, related_name="gates", verbose_name=_("stop")
    )
    county = models.CharField(_("county"), max_length=6, blank=True, default="", db_default="")

    class Meta:
        verbose_name = _("place")
        verbose_name_plural = _("places")
        constraints = [
            models.CheckConstraint(condition=models.Q(county__regex=COUNTY), name="place_county_coded"),
            models.CheckConstraint(
                condition=models.Q(kind="vehicle", stop=None)
                | models.Q(kind="gate", stop__isnull=False, line=None)
                | models.Q(kind__in=["shop", "parking"], line=None, stop=None),
                name="place_is_where_its_kind_can_be",
            ),
        ]

    def __str__(self) -> str:
        return self.name
