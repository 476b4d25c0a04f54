"""Who acts for a child: guardians, until the ward is of age."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models.people import Citizen


class Guardianship(models.Model):
    """`guardian` acts for `ward`, on the `proof` that was seen. It ends by itself when the ward is 18.

    No date of it tells a birthday: ages are worked out from the sealed birth date when they are asked for.
    """

    class End(models.TextChoices):
        OF_AGE = "of_age", _("the ward is of age")
        WITHDRAWN = "withdrawn", _("withdrawn")
        DECEASED = "deceased", _("one of the two has died")

    guardian = models.ForeignKey(Citizen, models.PROTECT, related_name="wards", verbose_name=_("guardian"))
    ward = models.ForeignKey(Citizen, models.PROTECT, related_name="guardians", verbose_name=_("ward"))
    proof = models.CharField(_("proof"), max_length=100)
    appointed_by = models.CharField(_("recorded by"), max_length=150)
    appointed_at = models.DateTimeField(_("recorded at"), db_default=Now(), editable=False)
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)
    ended_because = models.CharField(_("ended because"), max_length=9, choices=End.choices, blank=True)

    class Meta:
        verbose_name = _("guardianship")
        verbose_name_plural = _("guardianships")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["guardian", "ward"], condition=models.Q(ended_at=None), name="guardian_of_a_ward_once"
            ),
            models.CheckConstraint(
                condition=~models.Q(guardian=models.F("ward")), name="guardian_is_not_the_ward"
            ),
            models.CheckConstraint(
                condition=models.Q(ended_at=None, ended_because="")
                | (models.Q(ended_at__isnull=False) & ~models.Q(ended_because="")),
                name="guardianship_ends_for_a_reason",
            ),
            models.CheckConstraint(condition=~models.Q(proof=""), name="guardianship_has_a_proof"),
        ]

    def __str__(self) -> str:
        return f"{self.guardian_id} → {self.ward_id}"
