"""What registers elsewhere say has happened to a person: told by a list or a paper, believed by two people."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models.people import Citizen
from citizencard.core.two_people import Proposed


class ComparisonList(models.Model):
    """One list as it was taken: whose, as of when, how many lines. Of people who are not on our register nothing is kept. Append-only."""

    number = models.CharField(_("list number"), max_length=32)
    source = models.CharField(_("source"), max_length=40)
    as_of = models.DateField(_("as of"))
    sha256 = models.BinaryField(_("SHA-256"), max_length=32, unique=True, editable=False)
    lines = models.PositiveIntegerField(_("lines"))
    known = models.PositiveIntegerField(_("people on register"))
    maker = models.CharField(_("uploaded by"), max_length=150)
    taken_at = models.DateTimeField(_("uploaded at"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("comparison list")
        verbose_name_plural = _("comparison lists")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["source", "number"], name="comparison_list_once"),
            models.CheckConstraint(
                condition=models.Q(known__lte=models.F("lines")), name="comparison_adds_up"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.number}"


class PersonChange(Proposed):
    """One thing that has happened to a citizen on a day. A new name is sealed for the citizen's row and not kept once decided."""

    class Kind(models.TextChoices):
        DECEASED = "deceased", _("deceased")
        ALIVE = "alive", _("not deceased, a mistake")
        MOVED_OUT = "moved_out", _("moved out of the city")
        MOVED_IN = "moved_in", _("moved back to the city")
        RENAMED = "renamed", _("renamed")

    citizen = models.ForeignKey(Citizen, models.PROTECT, related_name="changes", verbose_name=_("citizen"))
    kind = models.CharField(_("what has happened"), max_length=9, choices=Kind.choices)
    on = models.DateField(_("on"))
    source = models.CharField(_("source"), max_length=80)
    list = models.ForeignKey(
        ComparisonList,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="changes",
        verbose_name=_("comparison list"),
    )
    name_sealed = models.BinaryField(null=True, editable=False)
    name_index = models.BinaryField(max_length=32, null=True, editable=False)
    name_mask = models.CharField(_("new name"), max_length=100, blank=True, default="", db_default="")

    class Meta(Proposed.Meta):
        verbose_name = _("change of a person")
        verbose_name_plural = _("changes of persons")
        default_permissions = ("view",)
        permissions = [
            ("propose_change", _("Upload comparison lists and report what has happened to a person")),
            ("approve_change", _("Believe, or not, what somebody else has reported of a person")),
        ]
        constraints = [
            *Proposed.Meta.constraints,
            models.UniqueConstraint(
                fields=["citizen", "kind", "on"],
                condition=models.Q(state__in=["proposed", "approved"]),
                name="person_change_once",
            ),
            models.CheckConstraint(
                condition=models.Q(kind="renamed", name_mask__gt="")
                | ~models.Q(kind="renamed") & models.Q(name_mask=""),
                name="new_name_of_the_renamed",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    kind="renamed", state="proposed", name_sealed__isnull=False, name_index__isnull=False
                )
                | models.Q(name_sealed=None, name_index=None),
                name="new_name_until_decided",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.citizen} {self.get_kind_display()} {self.on}"
