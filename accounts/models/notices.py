"""What a citizen is told about their card without having asked."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models.people import Citizen


class Notice(models.Model):
    """One message to a citizen: `code` is its sentence, `data` what the sentence names."""

    class Code(models.TextChoices):
        """The sentences. Amounts in yuan."""

        MANDATE_ACTIVE = (
            "mandate_active",
            _("Automatic top-up of card %(card)s is on: %(amount)s yuan from %(bank)s."),
        )
        MANDATE_COLLECTED = (
            "mandate_collected",
            _("%(amount)s yuan were collected from %(bank)s for card %(card)s."),
        )
        MANDATE_DECLINED = "mandate_declined", _("%(bank)s declined %(amount)s yuan for card %(card)s.")
        MANDATE_STOPPED = "mandate_stopped", _("Automatic top-up of card %(card)s has ended: %(reason)s.")

    citizen = models.ForeignKey(Citizen, models.PROTECT, related_name="notices", verbose_name=_("citizen"))
    code = models.CharField(_("message"), max_length=30, choices=Code.choices)
    data = models.JSONField(_("detail"), default=dict)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        indexes = [models.Index(fields=["citizen", "-created_at"], name="notice_of_citizen")]

    def __str__(self) -> str:
        return self.text

    @property
    def text(self) -> str:
        """The sentence in the reader's language."""
        return str(self.Code(self.code).label) % self.data
