"""One sign-in of one member of staff, from the first page to the last."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Factor(models.TextChoices):
    """What was shown besides the password."""

    NONE = "", _("none")
    APP = "app", _("authenticator app")
    KEY = "key", _("security key")
    RECOVERY = "recovery", _("recovery code")


class StaffSession(models.Model):
    """Who signed in when, from where, how surely, and why it ended. The browser's session names this row by its id.

    `needs_factor` and `needs_password` say what still stands between the password and the office.
    """

    class End(models.TextChoices):
        RUNNING = "", _("running")
        SIGNED_OUT = "signed_out", _("signed out")
        IDLE = "idle", _("unused for too long")
        AGE = "age", _("too old")
        ENDED = "ended", _("ended from elsewhere")
        CHANGED = "changed", _("password, second factor or roles changed")

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="staff_sessions",
        verbose_name=_("member of staff"),
    )
    started_at = models.DateTimeField(_("started at"))
    last_seen_at = models.DateTimeField(_("last seen at"))
    ip = models.GenericIPAddressField(_("IP address"), null=True, blank=True)
    agent = models.CharField(_("browser"), max_length=200, blank=True)
    needs_password = models.BooleanField(_("password to be changed"), default=False)
    needs_factor = models.BooleanField(_("second factor to be shown"), default=False)
    factor = models.CharField(_("second factor"), max_length=8, choices=Factor.choices, blank=True)
    factor_at = models.DateTimeField(_("second factor shown at"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)
    ended_because = models.CharField(_("why it ended"), max_length=10, choices=End.choices, blank=True)

    class Meta:
        verbose_name = _("session of staff")
        verbose_name_plural = _("sessions of staff")
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ended_at=None, ended_because="")
                | models.Q(ended_at__isnull=False, ended_because__gt=""),
                name="staff_session_ends_for_a_reason",
            ),
            models.CheckConstraint(
                condition=models.Q(factor="", factor_at=None)
                | models.Q(factor__gt="", factor_at__isnull=False),
                name="staff_session_factor_at_a_time",
            ),
        ]
        indexes = [
            models.Index(fields=["user"], condition=models.Q(ended_at=None), name="staff_sessions_running")
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.started_at:%F %T}"
