"""What the shell itself remembers: sign-in attempts, so that a password cannot be guessed."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class SignInAttempts(models.Model):
    """Attempts to sign in as one subject since the last success. `subject` is a keyed hash: it names nobody."""

    subject = models.CharField(_("subject"), max_length=64, primary_key=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"))
    last_at = models.DateTimeField(_("last counted at"))

    class Meta:
        verbose_name = _("sign-in attempts")
        verbose_name_plural = _("sign-in attempts")

    def __str__(self) -> str:
        return f"{self.subject[:8]}… {self.attempts}"
