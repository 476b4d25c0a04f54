"""By which documents a person is known: any number of them, one of which stands on the card."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models.people import Citizen


class IdentityDocument(models.Model):
    """A document that proves who its holder is. Its number belongs to one person for good, also when it has ended.

    `main` is the one that lists show and the chip carries. `source` and `as_of` say who vouches for it and when that was.
    """

    class Kind(models.TextChoices):
        RESIDENT_ID = "resident_id", _("resident identity card")
        RESIDENCE_PERMIT = "residence_permit", _("residence permit for Hong Kong, Macao and Taiwan residents")
        FOREIGN_PERMANENT = "foreign_permanent", _("foreigner's permanent residence card")
        TAIWAN_PASS = "taiwan_pass", _("mainland travel permit for Taiwan residents")
        HOME_PASS = "home_pass", _("mainland travel permit for Hong Kong and Macao residents")
        PASSPORT = "passport", _("passport")

    id = models.UUIDField(primary_key=True, editable=False)
    citizen = models.ForeignKey(Citizen, models.PROTECT, related_name="documents", verbose_name=_("citizen"))
    kind = models.CharField(_("document"), max_length=20, choices=Kind.choices)
    number_sealed = models.BinaryField()
    number_index = models.BinaryField(max_length=32, unique=True)
    mask = models.CharField(_("document number"), max_length=40)
    nationality = models.CharField(
        _("nationality"), max_length=3, blank=True, help_text=_("ISO 3166, three letters")
    )
    valid_to = models.DateField(_("valid to"), null=True, blank=True)
    main = models.BooleanField(_("on the card"), default=False)
    source = models.CharField(_("source"), max_length=40)
    as_of = models.DateField(_("as of"))
    added_at = models.DateTimeField(_("added at"), db_default=Now(), editable=False)
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)

    class Meta:
        verbose_name = _("identity document")
        verbose_name_plural = _("identity documents")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["citizen"], condition=models.Q(main=True), name="one_main_document_per_citizen"
            ),
            models.CheckConstraint(
                condition=models.Q(main=False) | models.Q(ended_at=None), name="main_document_in_force"
            ),
            models.CheckConstraint(
                condition=models.Q(nationality="") | models.Q(nationality__regex=r"^[A-Z]{3}$"),
                name="document_nationality_iso",
            ),
            models.CheckConstraint(condition=~models.Q(source=""), name="document_has_a_source"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.mask}"
