"""Citizens and users. Personal data is sealed in the row; only masks are readable without the key service."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext_lazy as _


class Citizen(models.Model):
    """A person: one row whatever documents they show (`IdentityDocument`). Sealed fields open only through `services.citizens`.

    `document_mask` repeats the main document's, for lists. A row that turned out to be somebody known before is `merged_into` theirs.
    """

    class Level(models.IntegerChoices):
        CLAIMED = 0, _("L0: not checked")
        CHECKED = 1, _("L1: phone and identity checked")
        SEEN = 2, _("L2: seen in person")

    id = models.UUIDField(primary_key=True, editable=False)
    level = models.PositiveSmallIntegerField(
        _("verification level"), choices=Level.choices, default=Level.SEEN
    )
    document_mask = models.CharField(_("document number"), max_length=40)
    name_sealed = models.BinaryField()
    name_index = models.BinaryField(max_length=32, null=True, db_index=True)
    name_mask = models.CharField(_("name"), max_length=100)
    birth_sealed = models.BinaryField(null=True)
    birth_source = models.CharField(_("source of the birth date"), max_length=40, blank=True)
    phone_sealed = models.BinaryField(null=True)
    phone_index = models.BinaryField(max_length=32, null=True, db_index=True)
    phone_mask = models.CharField(_("phone"), max_length=20, blank=True)
    deceased_on = models.DateField(_("deceased on"), null=True, blank=True)
    moved_out_on = models.DateField(_("moved out on"), null=True, blank=True)
    merged_into = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="merged", verbose_name=_("merged into")
    )
    registered_at = models.DateTimeField(_("registered at"), auto_now_add=True)

    class Meta:
        verbose_name = _("citizen")
        verbose_name_plural = _("citizens")
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(merged_into=models.F("id")), name="citizen_not_merged_into_itself"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name_mask} {self.document_mask}"


class Consent(models.Model):
    """A citizen's consent to one purpose, recorded before the purpose is served; for a child under 14 the `guardian` gives it.

    A guardian's consent holds until the child is 14 (Personal Information Protection Law, article 31).
    """

    class Purpose(models.TextChoices):
        CARD = "card", _("issue and use of the citizen card")
        MANDATE = "mandate", _("automatic top-up by direct debit")

    citizen = models.ForeignKey(Citizen, models.PROTECT, related_name="consents", verbose_name=_("citizen"))
    purpose = models.CharField(_("purpose"), max_length=20, choices=Purpose.choices)
    guardian = models.ForeignKey(
        Citizen,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("given by the guardian"),
    )
    given_at = models.DateTimeField(_("given at"), auto_now_add=True)
    withdrawn_at = models.DateTimeField(_("withdrawn at"), null=True, blank=True)

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        constraints = [
            models.UniqueConstraint(
                fields=["citizen", "purpose"],
                condition=models.Q(withdrawn_at=None),
                name="one_valid_consent_per_purpose",
            )
        ]

    def __str__(self) -> str:
        return f"{self.citizen_id} {self.purpose}"


class User(AbstractUser):
    """A login: staff by groups (clerk, finance), or a citizen's own when `citizen` is set.

    A superuser sees everything and does nothing: acts belong to roles, and the database gives a superuser none.
    """

    citizen = models.OneToOneField(
        Citizen, models.PROTECT, null=True, blank=True, related_name="user", verbose_name=_("citizen")
    )

    class Meta(AbstractUser.Meta):
        constraints = [
            models.CheckConstraint(
                condition=models.Q(citizen=None) | models.Q(is_staff=False, is_superuser=False),
                name="citizen_login_is_not_staff",
            )
        ]

    def has_perm(self, perm: str, obj: models.Model | None = None) -> bool:
        """Whether the user may; of superusers, whether it is only looking."""
        allowed = super().has_perm(perm, obj)
        return allowed and (not self.is_superuser or perm.partition(".")[2].startswith("view_"))
