"""One person, one master record: two rows that turn out to be the same person become one, by two people."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models.people import Citizen
from citizencard.core.two_people import Proposed


class PersonMerge(Proposed):
    """`other` is the same person as `master`: approved, what is the other's is the master's, and the other's row leads there."""

    master = models.ForeignKey(
        Citizen, models.PROTECT, related_name="merges", verbose_name=_("master record")
    )
    other = models.ForeignKey(Citizen, models.PROTECT, related_name="+", verbose_name=_("the same person"))
    reason = models.CharField(_("reason"), max_length=200)

    class Meta(Proposed.Meta):
        verbose_name = _("merging of two records")
        verbose_name_plural = _("merging of records")
        default_permissions = ("view",)
        permissions = [
            ("propose_merge", _("Propose that two records are one person")),
            ("approve_merge", _("Merge two records, or refuse to, that somebody else has proposed")),
        ]
        constraints = [
            *Proposed.Meta.constraints,
            models.CheckConstraint(
                condition=~models.Q(master=models.F("other")) & ~models.Q(reason=""),
                name="merge_of_two_for_a_reason",
            ),
            models.UniqueConstraint(
                fields=["other"], condition=models.Q(state__in=["proposed", "approved"]), name="merged_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.other} → {self.master}"
