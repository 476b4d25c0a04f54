"""Card products on their way: asked for by one person, agreed to by another, in force from a date on."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from citizencard.core.two_people import Proposed


class ProductVersion(Proposed):
    """The terms of a card product from `valid_from` on, as one person wants them: a new product, or other terms of sale.

    `terms` are values of CardProduct's fields. Approved, they are put in force on their date (`applied_at`) and then stand
    as the history of the product. Decided once; nothing else of it changes.
    """

    code = models.SlugField(_("code"), max_length=20)
    terms = models.JSONField(_("terms"))
    valid_from = models.DateField(_("valid from"))
    legal_basis = models.CharField(_("legal basis"), max_length=200)
    applied_at = models.DateTimeField(_("in force since"), null=True, blank=True)

    class Meta(Proposed.Meta):
        verbose_name = _("version of a card product")
        verbose_name_plural = _("versions of card products")
        default_permissions = ("view",)
        permissions = [
            ("propose_product", _("Propose card products and their terms of sale")),
            ("approve_product", _("Approve or refuse card products that somebody else has proposed")),
        ]
        constraints = [
            *Proposed.Meta.constraints,
            models.UniqueConstraint(
                fields=["code", "valid_from"],
                condition=models.Q(state="approved"),
                name="one_version_of_a_product_per_date",
            ),
            models.CheckConstraint(
                condition=models.Q(applied_at=None) | models.Q(state="approved"),
                name="product_version_applied_when_approved",
            ),
            models.CheckConstraint(condition=~models.Q(legal_basis=""), name="product_version_says_why"),
        ]

    def __str__(self) -> str:
        return f"{self.code} ({self.valid_from})"
