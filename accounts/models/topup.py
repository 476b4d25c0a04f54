"""Top-up orders: money in first, then value onto the chip, in two phases that a power cut cannot split."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField, FSMModelMixin, transition

from accounts.models.cards import Card


class TopUpOrder(FSMModelMixin, models.Model):
    """INIT → PAID (money received, value in transit) → LOADING (MAC2 given to the chip) → CONFIRMED or REVERSED."""

    class State(models.TextChoices):
        INIT = "init", _("ordered")
        PAID = "paid", _("paid")
        LOADING = "loading", _("loading")
        CONFIRMED = "confirmed", _("confirmed")
        REVERSED = "reversed", _("reversed")

    class Channel(models.TextChoices):
        CASH = "cash", _("cash at the counter")
        GATEWAY = "gateway", _("payment gateway")

    number = models.CharField(_("order number"), max_length=32, unique=True)
    card = models.ForeignKey(Card, models.PROTECT, related_name="topups", verbose_name=_("card"))
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    channel = models.CharField(_("channel"), max_length=10, choices=Channel.choices)
    state = FSMField(_("state"), choices=State.choices, default=State.INIT, protected=True)
    actor = models.CharField(_("actor"), max_length=100)
    occurred_at = models.DateTimeField(_("occurred at"))
    gateway_id = models.CharField(_("gateway payment"), max_length=80, null=True, blank=True, unique=True)
    online_atc = models.PositiveIntegerField(_("online ATC"), null=True, blank=True)
    balance_before_fen = models.BigIntegerField(_("chip balance before (fen)"), null=True, blank=True)
    terminal_no = models.CharField(_("terminal number"), max_length=12, blank=True)
    loaded_at = models.DateTimeField(_("loaded at"), null=True, blank=True)
    tac = models.BinaryField(_("TAC"), max_length=4, null=True)

    class Meta:
        verbose_name = _("top-up order")
        verbose_name_plural = _("top-up orders")
        constraints = [
            models.CheckConstraint(condition=models.Q(amount_fen__gt=0), name="topup_amount_positive"),
            models.CheckConstraint(
                condition=~models.Q(state__in=["loading", "confirmed"])
                | models.Q(
                    online_atc__isnull=False, balance_before_fen__isnull=False, loaded_at__isnull=False
                ),
                name="topup_load_has_its_facts",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="confirmed") | models.Q(tac__isnull=False),
                name="topup_confirmed_by_tac",
            ),
            models.UniqueConstraint(
                fields=["card", "online_atc"],
                condition=models.Q(state__in=["loading", "confirmed"]),
                name="one_load_per_online_atc",
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @transition(field=state, source=State.INIT, target=State.PAID)
    def pay(self) -> None:
        """The money has been received."""

    @transition(field=state, source=[State.PAID, State.LOADING], target=State.LOADING)
    def authorise(self) -> None:
        """The host gave its MAC2: from here the chip may hold the value."""

    @transition(field=state, source=State.LOADING, target=State.CONFIRMED)
    def confirm(self) -> None:
        """The chip's TAC proves the load."""

    @transition(field=state, source=[State.INIT, State.PAID], target=State.REVERSED)
    def reverse(self) -> None:
        """The money goes back; nothing was loaded."""
