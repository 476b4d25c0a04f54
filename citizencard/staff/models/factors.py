"""What somebody has besides a password: an app with codes, a security key, or a list of codes on paper."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class AuthenticatorApp(models.Model):
    """Time-based one-time codes (TOTP, RFC 6238): one app a person.

    The secret is sealed for its row. `last_step` is the 30-second step whose code was used last: no code is good twice.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        primary_key=True,
        related_name="authenticator_app",
        verbose_name=_("member of staff"),
    )
    sealed_secret = models.BinaryField(_("secret"))
    last_step = models.BigIntegerField(_("last step used"), default=0)
    confirmed_at = models.DateTimeField(_("confirmed at"), null=True, blank=True)

    class Meta:
        verbose_name = _("authenticator app")
        verbose_name_plural = _("authenticator apps")

    def __str__(self) -> str:
        return f"{self.user_id}"


class SecurityKey(models.Model):
    """A WebAuthn credential: the private half never leaves the key.

    `sign_count` is the counter the key showed last (0: it has none). One that goes back is a copy's, and stops the key for good.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="security_keys",
        verbose_name=_("member of staff"),
    )
    name = models.CharField(_("name"), max_length=60)
    credential_id = models.BinaryField(_("credential id"), max_length=1023, unique=True)
    credential = models.BinaryField(_("public key"))
    sign_count = models.BigIntegerField(_("signature counter"))
    added_at = models.DateTimeField(_("added at"), db_default=Now(), editable=False)
    last_used_at = models.DateTimeField(_("last used at"), null=True, blank=True)
    stopped_at = models.DateTimeField(_("stopped at"), null=True, blank=True)

    class Meta:
        verbose_name = _("security key")
        verbose_name_plural = _("security keys")
        constraints = [
            models.CheckConstraint(condition=models.Q(sign_count__gte=0), name="sign_count_not_negative")
        ]

    def __str__(self) -> str:
        return self.name


class RecoveryCode(models.Model):
    """One line of the list for the day the app or the key is lost; good once. Only its keyed digest is kept."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="recovery_codes",
        verbose_name=_("member of staff"),
    )
    digest = models.BinaryField(_("digest"), max_length=32)
    used_at = models.DateTimeField(_("used at"), null=True, blank=True)

    class Meta:
        verbose_name = _("recovery code")
        verbose_name_plural = _("recovery codes")
        constraints = [models.UniqueConstraint(fields=["user", "digest"], name="recovery_code_once")]

    def __str__(self) -> str:
        return f"{self.user_id}"
