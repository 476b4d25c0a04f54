"""What the city owes a holder because it was wrong."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django_fsm import FSMField, transition

from accounts.models.cards import Card, Purse
from citizencard.core.states import StatefulModel


class Compensation(StatefulModel):
    """A compensation note: owed once per `key`, paid into the card's online account, or in cash at the counter.

    `purse` is where it was credited; None while it is owed, and when it was paid in cash.
    """

    class State(models.TextChoices):
        OWED = "owed", pgettext_lazy("compensation", "owed")
        PAID = "paid", pgettext_lazy("compensation", "paid")

    key = models.CharField(_("idempotency key"), max_length=80, unique=True)
    card = models.ForeignKey(Card, models.PROTECT, related_name="compensations", verbose_name=_("card"))
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    legal_basis = models.CharField(_("legal basis"), max_length=200)
    purse = models.ForeignKey(
        Purse, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("credited to")
    )
    state = FSMField(_("state"), choices=State.choices, default=State.OWED, protected=True)
    occurred_at = models.DateTimeField(_("occurred at"))
    paid_at = models.DateTimeField(_("paid at"), null=True, blank=True)

    class Meta:
        verbose_name = _("compensation")
        verbose_name_plural = _("compensations")
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(
                condition=models.Q(amount_fen__gt=0) & ~models.Q(legal_basis=""),
                name="compensation_says_what_and_why",
            ),
            models.CheckConstraint(
                condition=models.Q(state="owed", paid_at=None, purse=None)
                | models.Q(state="paid", paid_at__isnull=False),
                name="compensation_paid_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return self.key

    @transition(field=state, source=State.OWED, target=State.PAID)
    def pay(self, at: datetime, purse: Purse | None = None) -> None:
        """The holder has it."""
        self.paid_at, self.purse = at, purse
