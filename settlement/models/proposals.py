"""Rules of settlement on their way: asked for by one person, put in force or refused by another."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from citizencard.core.two_people import Proposed


class Proposal(Proposed):
    """One rule that somebody wants in force: a contract, a year's calendar, a cut-off, tiers of adjustments, a clock of
    disputes.

    `content` is the rule as it was checked, personal data in it sealed. Rules in force name their proposal, so that each says who
    made it and who approved it.
    """

    class Kind(models.TextChoices):
        CONTRACT = "contract", _("contract")
        CALENDAR = "calendar", _("settlement calendar")
        CUT_OFF = "cut_off", _("cut-off time")
        ADJUSTMENTS = "adjustments", _("adjustment policy")
        DISPUTES = "disputes", _("dispute policy")

    kind = models.CharField(_("kind"), max_length=11, choices=Kind.choices)
    content = models.JSONField(_("content"))
    reason = models.CharField(_("reason"), max_length=200, blank=True)

    class Meta(Proposed.Meta):
        verbose_name = _("settlement proposal")
        verbose_name_plural = _("settlement proposals")
        default_permissions = ("view",)
        permissions = [
            ("propose_rules", _("Propose contracts and other rules of settlement")),
            ("approve_rules", _("Approve or refuse rules of settlement that somebody else has proposed")),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.get_kind_display()}"
