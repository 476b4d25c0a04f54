"""From when on what a purchase may be: its highest amount, how late it may come, and how long it may wait for a decision."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from terminals.models.field import Channel


class AcceptancePolicy(models.Model):
    """The rule for purchases of a channel by their own date. Dated and append-only by trigger: a successor ends it.

    What lies beyond it is held in suspense, never dropped: the chip has paid. Without a policy a channel has no limits.
    """

    channel = models.CharField(_("channel"), max_length=10, choices=Channel.choices)
    valid_from = models.DateField(_("valid from"))
    purchase_limit_fen = models.PositiveIntegerField(_("limit for one purchase (fen)"))
    late_days = models.PositiveIntegerField(_("late after (days)"), default=30, db_default=30)
    decide_days = models.PositiveIntegerField(
        _("decided within (days)"),
        default=30,
        db_default=30,
        help_text=_("what is held and not decided by then is given back"),
    )
    hold_over_price = models.BooleanField(
        _("hold what is above the tariff"),
        default=True,
        db_default=True,
        help_text=_("amounts that the terminal's tariff of that date cannot come to"),
    )
    legal_basis = models.CharField(_("legal basis"), max_length=200)
    published_at = models.DateTimeField(_("published at"), db_default=Now(), editable=False)
    """What came in before is not judged by it."""

    class Meta:
        verbose_name = _("acceptance policy")
        verbose_name_plural = _("acceptance policies")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["channel", "valid_from"], name="acceptance_policy_once_per_date"),
            models.CheckConstraint(
                condition=models.Q(purchase_limit_fen__gte=1, late_days__gte=1, decide_days__gte=1)
                & ~models.Q(legal_basis=""),
                name="acceptance_policy_says_what_and_why",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel} ({self.valid_from})"
