"""The access diary 查阅记录: who has seen which of a person's data, when and on what ground. The person reads it."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models.people import Citizen


class DataAccess(models.Model):
    """One look at a person's data, written in the transaction that lets it happen. Append-only by trigger.

    `role` is the reader's at the time, empty for the system itself: the person is told the role, never the name.
    """

    class What(models.TextChoices):
        OPENED = "opened", _("record opened, masked")
        REVEALED = "revealed", _("shown in clear")
        WRITTEN = "written", _("written to a card")
        EXPORTED = "exported", _("handed out as a file")

    class Field(models.TextChoices):
        RECORD = "record", _("masked record")
        NAME = "name", pgettext_lazy("person", "name")
        DOCUMENT = "document", _("document number")
        PHONE = "phone", _("phone")
        BIRTH = "birth", _("birth date")
        STATEMENT = "statement", _("statement in a dispute")
        ALL = "all", _("everything on record")

    IN_CLEAR: ClassVar = (What.REVEALED, What.WRITTEN, What.EXPORTED)

    citizen = models.ForeignKey(Citizen, models.PROTECT, related_name="accesses", verbose_name=_("citizen"))
    at = models.DateTimeField(_("at"), db_default=Now(), editable=False)
    actor = models.CharField(_("actor"), max_length=150)
    role = models.CharField(_("role"), max_length=150, blank=True)
    what = models.CharField(_("what"), max_length=8, choices=What.choices)
    fields = ArrayField(models.CharField(max_length=10, choices=Field.choices), verbose_name=_("data"))
    ground = models.CharField(_("ground"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("access to personal data")
        verbose_name_plural = _("access diary")
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["citizen", "-at"], name="access_of_citizen"),
            models.Index(fields=["actor", "-at"], name="access_by_actor"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(what="opened") | ~models.Q(ground=""), name="access_in_clear_has_a_ground"
            ),
            models.CheckConstraint(condition=models.Q(fields__len__gte=1), name="access_names_its_fields"),
        ]

    def __str__(self) -> str:
        return f"{self.get_what_display()}: {self.fields_text}"

    @property
    def fields_text(self) -> str:
        """The data in the reader's language."""
        return "、".join(str(self.Field(field).label) for field in self.fields)
