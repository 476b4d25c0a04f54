"""Electronic identity: the certificates cards carry, and the questions they were asked."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Card


class CardCertificate(models.Model):
    """A certificate of the card CA that a card was found to carry. A card's newest one counts."""

    card = models.ForeignKey(Card, models.PROTECT, related_name="certificates", verbose_name=_("card"))
    number = models.CharField(_("certificate number"), max_length=40, unique=True)
    """The certificate's serial number in hex."""
    der = models.BinaryField()
    recorded_at = models.DateTimeField(_("recorded at"), auto_now_add=True)

    class Meta:
        verbose_name = _("card certificate")
        verbose_name_plural = _("card certificates")

    def __str__(self) -> str:
        return self.number


class IdentityCheck(models.Model):
    """One question to a card who it is: a challenge that is good for one answer, soon."""

    class Outcome(models.TextChoices):
        OPEN = "open", _("not answered")
        IDENTIFIED = "identified", _("identified")
        MALFORMED = "malformed", _("the certificate cannot be read")
        UNKNOWN_CERTIFICATE = "unknown_certificate", _("the certificate was not issued to a card here")
        WRONG_ISSUER = "wrong_issuer", _("the certificate is not the card CA's")
        NOT_VALID = "not_valid", _("the certificate is not valid today")
        WRONG_CARD = "wrong_card", _("the certificate belongs to another card")
        WRONG_SIGNATURE = "wrong_signature", _("the card does not hold the certificate's key")
        CARD_NOT_ACTIVE = "card_not_active", _("the card is not active")
        HOT_LISTED = "hot_listed", _("the card is on the hot list")

    challenge = models.BinaryField(max_length=32, unique=True)
    asked_by = models.CharField(_("asked by"), max_length=100)
    purpose = models.CharField(_("purpose"), max_length=100)
    asked_at = models.DateTimeField(_("asked at"))
    answered_at = models.DateTimeField(_("answered at"), null=True, blank=True)
    card = models.ForeignKey(
        Card, models.PROTECT, null=True, blank=True, related_name="identity_checks", verbose_name=_("card")
    )
    outcome = models.CharField(_("outcome"), max_length=20, choices=Outcome.choices, default=Outcome.OPEN)

    class Meta:
        verbose_name = _("identity check")
        verbose_name_plural = _("identity checks")

    def __str__(self) -> str:
        return f"{self.asked_by} {self.asked_at:%F %T}"
