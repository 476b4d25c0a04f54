"""The calendar of settlement: which dates banks work, and when a business date is cut off."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from settlement.models.proposals import Proposal


class CalendarYear(models.Model):
    """One approved version of a year's dates; the newest one holds. Append-only by trigger, as its dates are."""

    year = models.PositiveSmallIntegerField(_("year"))
    notice = models.CharField(
        _("notice"), max_length=100, help_text=_("number of the State Council's notice")
    )
    proposal = models.OneToOneField(
        Proposal, models.PROTECT, related_name="calendar", verbose_name=_("settlement proposal")
    )

    class Meta:
        verbose_name = _("calendar year")
        verbose_name_plural = _("settlement calendar")
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(condition=~models.Q(notice=""), name="calendar_year_names_its_notice")
        ]

    def __str__(self) -> str:
        return f"{self.year} ({self.notice})"


class CalendarDay(models.Model):
    """What a date is. A make-up day (调休) is a weekend on which people and banks work."""

    class Kind(models.TextChoices):
        WORKING = "working", pgettext_lazy("date", "working day")
        WEEKEND = "weekend", pgettext_lazy("date", "weekend")
        HOLIDAY = "holiday", pgettext_lazy("date", "holiday")
        MAKEUP = "makeup", pgettext_lazy("date", "make-up working day")

    WORK = (Kind.WORKING, Kind.MAKEUP)

    year = models.ForeignKey(
        CalendarYear, models.PROTECT, related_name="days", verbose_name=_("calendar year")
    )
    date = models.DateField(_("date"))
    kind = models.CharField(_("kind"), max_length=7, choices=Kind.choices)
    name = models.CharField(_("name"), max_length=40, blank=True)

    class Meta:
        verbose_name = _("calendar date")
        verbose_name_plural = _("calendar dates")
        default_permissions = ()
        ordering = ["date"]
        constraints = [
            models.UniqueConstraint(fields=["year", "date"], name="calendar_day_once"),
            models.CheckConstraint(
                condition=models.Q(kind__in=["working", "weekend", "holiday", "makeup"]),
                name="calendar_day_kind_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.date} {self.kind}"


class CutOff(models.Model):
    """How long after the midnight that ends it a business date stays open, from a date on. Append-only by trigger."""

    valid_from = models.DateField(_("valid from"), unique=True)
    minutes = models.PositiveSmallIntegerField(_("minutes after midnight"))
    legal_basis = models.CharField(_("legal basis"), max_length=200)
    proposal = models.OneToOneField(
        Proposal, models.PROTECT, related_name="cut_off", verbose_name=_("settlement proposal")
    )

    class Meta:
        verbose_name = _("cut-off time")
        verbose_name_plural = _("cut-off times")
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(
                condition=models.Q(minutes__lt=720) & ~models.Q(legal_basis=""),
                name="cut_off_before_noon_with_a_reason",
            )
        ]

    def __str__(self) -> str:
        return f"{self.valid_from}: +{self.minutes}"
