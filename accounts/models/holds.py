"""Holds: an amount set aside in an account purse, to be paid later wholly, in part, or not at all."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField, transition

from accounts.models.cards import Purse
from accounts.models.ledger import LedgerAccount
from citizencard.core.states import StatefulModel


class Hold(StatefulModel):
    """`amount_fen` reserved for one payee until `expires_at`; what is left of it is part of the purse's `held_fen`.

    A trigger keeps `held_fen` as the sum of what is reserved, and a hold that is over as it ended.
    """

    class State(models.TextChoices):
        RESERVED = "reserved", _("reserved")
        CAPTURED = "captured", _("captured")
        RELEASED = "released", _("released")
        EXPIRED = "expired", _("expired")

    key = models.CharField(_("idempotency key"), max_length=100, unique=True)
    purse = models.ForeignKey(
        Purse, models.PROTECT, db_index=False, related_name="holds", verbose_name=_("purse")
    )
    payee = models.ForeignKey(
        LedgerAccount,
        models.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="+",
        verbose_name=_("payee"),
    )
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    captured_fen = models.BigIntegerField(_("captured (fen)"), default=0)
    state = FSMField(_("state"), choices=State.choices, default=State.RESERVED, protected=True)
    channel = models.CharField(_("channel"), max_length=10)
    counted_on = models.DateField(_("counted on"), help_text=_("the date whose limits it uses up"))
    reason = models.CharField(_("reason"), max_length=200)
    actor = models.CharField(_("actor"), max_length=100)
    occurred_at = models.DateTimeField(_("occurred at"))
    expires_at = models.DateTimeField(_("expires at"))
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)

    class Meta:
        verbose_name = _("hold")
        verbose_name_plural = _("holds")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    amount_fen__gt=0, captured_fen__gte=0, captured_fen__lte=models.F("amount_fen")
                ),
                name="hold_amounts_sane",
            ),
            models.CheckConstraint(
                condition=models.Q(expires_at__gt=models.F("occurred_at")), name="hold_expires_later"
            ),
            models.CheckConstraint(
                condition=models.Q(state="reserved", ended_at=None, captured_fen__lt=models.F("amount_fen"))
                | models.Q(state="captured", ended_at__isnull=False, captured_fen__gt=0)
                | models.Q(state__in=["released", "expired"], ended_at__isnull=False),
                name="hold_state_has_its_facts",
            ),
        ]
        indexes = [
            models.Index(fields=["purse", "counted_on"], name="hold_counted"),
            models.Index(fields=["expires_at"], condition=models.Q(state="reserved"), name="hold_expiring"),
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def remaining_fen(self) -> int:
        """What can still be captured, in fen."""
        return self.amount_fen - self.captured_fen if self.state == self.State.RESERVED else 0

    @transition(field=state, source=State.RESERVED, target=State.RESERVED)
    def capture_part(self, amount_fen: int) -> None:
        """Some of it is paid, the rest stays reserved."""
        self.captured_fen += amount_fen

    @transition(field=state, source=State.RESERVED, target=State.CAPTURED)
    def capture(self, amount_fen: int, at: datetime) -> None:
        """The last of it is paid, the rest is free again."""
        self.captured_fen += amount_fen
        self.ended_at = at

    @transition(field=state, source=State.RESERVED, target=State.RELEASED)
    def release(self, at: datetime) -> None:
        """Nothing more will be paid of it."""
        self.ended_at = at

    @transition(field=state, source=State.RESERVED, target=State.EXPIRED)
    def expire(self, at: datetime) -> None:
        """Its time is over."""
        self.ended_at = at
