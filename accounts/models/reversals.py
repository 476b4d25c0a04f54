"""Same-day reversals 当日冲正: a wrong top-up or sale at a counter, undone by transfers the other way before the day is over."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models.drawers import DrawerEntry
from citizencard.core.two_people import Proposed


class CounterReversal(Proposed):
    """What a clerk wants undone and a supervisor lets happen; the clerk's drawer then gives the cash back."""

    entry = models.ForeignKey(
        DrawerEntry, models.PROTECT, related_name="reversals", verbose_name=_("drawer entry")
    )
    reason = models.CharField(_("reason"), max_length=200)

    class Meta(Proposed.Meta):
        abstract = False
        verbose_name = _("same-day reversal")
        verbose_name_plural = _("same-day reversals")
        constraints = [
            *Proposed.Meta.constraints,
            models.UniqueConstraint(
                fields=["entry"],
                condition=Q(state__in=["proposed", "approved"]),
                name="counter_act_reversed_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.entry.journal.source} #{self.pk}"
