"""Later registration 记名登记: an anonymous card becomes its holder's by name."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models.cards import Card, CardProduct


class Registration(models.Model):
    """A card sold without a name was registered for who held it; the chip on a reader has proved that.

    What the card did before is its own affair: the holder sees it in the portal only while `shows_earlier`. The purse on the
    chip stays in the chart of the product it was sold as (`before`). Never changed otherwise, never removed.
    """

    card = models.OneToOneField(Card, models.PROTECT, related_name="registration", verbose_name=_("card"))
    before = models.ForeignKey(
        CardProduct, models.PROTECT, related_name="+", verbose_name=_("product before")
    )
    registered_by = models.CharField(_("registered by"), max_length=150)
    registered_at = models.DateTimeField(_("registered at"))
    shows_earlier = models.BooleanField(_("shows earlier trips"), default=False)

    class Meta:
        verbose_name = _("later registration")
        verbose_name_plural = _("later registrations")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.card_id} {self.registered_at:%Y-%m-%d}"
