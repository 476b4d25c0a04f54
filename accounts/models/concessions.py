"""Concessions: what a holder has proved to be (student, disabled, of an age), from when to when, on whose check.

A row is one proof. It holds for a year at most: the yearly check makes the next one. The type printed on a card is not asked.
"""

from __future__ import annotations

from datetime import date, timedelta

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeBoundary, RangeOperators
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models.cards import Card
from accounts.models.people import Citizen

PROOF_DAYS_MAX = 366
"""A proof is checked anew within a year."""
_SPAN = models.Func(
    "valid_from",
    "valid_until",
    RangeBoundary(inclusive_upper=True),
    function="daterange",
    output_field=DateRangeField(),
)


class Concession(models.Model):
    """One proof of a category: of a citizen, whatever card they use, or of an anonymous card. Both dates belong to it.

    Nothing of it changes but its withdrawal, once: from `withdrawn_on` it does not hold.
    """

    citizen = models.ForeignKey(
        Citizen, models.PROTECT, null=True, blank=True, related_name="concessions", verbose_name=_("citizen")
    )
    card = models.ForeignKey(
        Card, models.PROTECT, null=True, blank=True, related_name="concessions", verbose_name=_("card")
    )
    category = models.CharField(_("category"), max_length=64)
    valid_from = models.DateField(_("valid from"))
    valid_until = models.DateField(_("valid until"))
    proof = models.CharField(_("proof"), max_length=100)
    legal_basis = models.CharField(_("legal basis"), max_length=200)
    checked_by = models.CharField(_("checked by"), max_length=100)
    granted_at = models.DateTimeField(_("granted at"), db_default=Now(), editable=False)
    renews = models.OneToOneField(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="renewal",
        verbose_name=_("renews"),
    )
    withdrawn_on = models.DateField(_("withdrawn from"), null=True, blank=True)
    withdrawn_at = models.DateTimeField(_("withdrawn at"), null=True, blank=True)
    withdrawn_by = models.CharField(_("withdrawn by"), max_length=100, blank=True, default="", db_default="")
    withdrawn_reason = models.CharField(_("reason"), max_length=200, blank=True, default="", db_default="")

    class Meta:
        verbose_name = _("concession")
        verbose_name_plural = _("concessions")
        permissions = [("grant_concession", _("Grant, renew and withdraw concessions"))]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(citizen=None, card__isnull=False)
                | models.Q(citizen__isnull=False, card=None),
                name="concession_of_a_person_or_a_card",
            ),
            models.CheckConstraint(
                condition=models.Q(valid_until__gte=models.F("valid_from"))
                & models.Q(valid_until__lt=models.F("valid_from") + timedelta(days=PROOF_DAYS_MAX)),
                name="concession_checked_within_a_year",
            ),
            models.CheckConstraint(
                condition=models.Q(withdrawn_on=None, withdrawn_at=None, withdrawn_by="", withdrawn_reason="")
                | (
                    models.Q(withdrawn_on__isnull=False, withdrawn_at__isnull=False)
                    & ~models.Q(withdrawn_by="")
                    & ~models.Q(withdrawn_reason="")
                ),
                name="concession_withdrawn_by_somebody_for_a_reason",
            ),
            *(
                ExclusionConstraint(
                    name=f"one_concession_at_a_time_of_a_{holder}",
                    expressions=[
                        (holder, RangeOperators.EQUAL),
                        ("category", RangeOperators.EQUAL),
                        (_SPAN, RangeOperators.OVERLAPS),
                    ],
                    condition=models.Q(withdrawn_at=None),
                )
                for holder in ("citizen", "card")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.category} {self.valid_from} – {self.valid_until}"

    @property
    def holds_until(self) -> date:
        """Its last day, withdrawal included; before `valid_from` when it never held."""
        if self.withdrawn_on is None:
            return self.valid_until
        return min(self.valid_until, self.withdrawn_on - timedelta(days=1))
