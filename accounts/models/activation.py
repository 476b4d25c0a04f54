"""Wrong proofs at activation: three of them close it for a while."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models.cards import Card


class ActivationLock(models.Model):
    """How often a card's activation was tried with a wrong document since it was last free, and until when it is closed."""

    card = models.OneToOneField(
        Card, models.PROTECT, primary_key=True, related_name="activation_lock", verbose_name=_("card")
    )
    wrong = models.PositiveSmallIntegerField(_("wrong tries"), default=0)
    locked_until = models.DateTimeField(_("locked until"), null=True)

    class Meta:
        verbose_name = _("activation lock")
        verbose_name_plural = _("activation locks")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.card_id} {self.wrong}"
