"""Replacement 补卡换卡: another card for the same holder, and the money follows once late taps have arrived."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django_fsm import FSMField, transition

from accounts.models.cards import Card
from citizencard.core.states import StatefulModel


class Replacement(StatefulModel):
    """`new` takes the place of `old`: passes at once, the money from `due_on` on, when offline taps of `old` may no longer come.

    What has moved, in fen, is known once it has: `chip_fen` and `account_fen` are what the purses held (below nothing where a ride
    was overdrawn), `deposit_fen` the deposit less damage, which follows as value. A card is replaced once, by one card.
    """

    class Cause(models.TextChoices):
        LOST = "lost", pgettext_lazy("replacement", "lost")
        DAMAGED = "damaged", pgettext_lazy("replacement", "damaged")
        EXPIRED = "expired", pgettext_lazy("replacement", "expired")

    class State(models.TextChoices):
        WAITING = "waiting", pgettext_lazy("replacement", "waiting for late taps")
        MOVED = "moved", pgettext_lazy("replacement", "money moved")

    old = models.OneToOneField(Card, models.PROTECT, related_name="replaced_by", verbose_name=_("old card"))
    new = models.OneToOneField(Card, models.PROTECT, related_name="replaces", verbose_name=_("new card"))
    cause = models.CharField(_("cause"), max_length=7, choices=Cause.choices)
    fee_fen = models.BigIntegerField(_("fee (fen)"))
    due_on = models.DateField(_("due on"))
    requested_by = models.CharField(_("requested by"), max_length=150)
    requested_at = models.DateTimeField(_("requested at"))
    state = FSMField(_("state"), max_length=7, choices=State.choices, default=State.WAITING, protected=True)
    chip_fen = models.BigIntegerField(_("from the chip purse (fen)"), null=True, blank=True)
    account_fen = models.BigIntegerField(_("from the account purse (fen)"), null=True, blank=True)
    deposit_fen = models.BigIntegerField(_("from the deposit (fen)"), null=True, blank=True)
    moved_at = models.DateTimeField(_("moved at"), null=True, blank=True)

    class Meta:
        verbose_name = _("replacement")
        verbose_name_plural = _("replacements")
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(old=models.F("new")) & models.Q(fee_fen__gte=0),
                name="replaced_by_another_card",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    state="waiting", chip_fen=None, account_fen=None, deposit_fen=None, moved_at=None
                )
                | models.Q(
                    state="moved",
                    chip_fen__isnull=False,
                    account_fen__gte=0,
                    deposit_fen__gte=0,
                    moved_at__isnull=False,
                ),
                name="replacement_moved_with_its_amounts",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.old_id} → {self.new_id}"

    @transition(field=state, source=State.WAITING, target=State.MOVED)
    def move(self, *, chip_fen: int, account_fen: int, deposit_fen: int, at: datetime) -> None:
        """The money is the new card's."""
        self.chip_fen, self.account_fen, self.deposit_fen = chip_fen, account_fen, deposit_fen
        self.moved_at = at
