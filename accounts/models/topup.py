"""Top-up orders: money in first, then value into the purse; onto a chip in two phases that a power cut cannot split."""

from __future__ import annotations

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField, transition

from accounts.models.cards import Card, Purse
from accounts.models.people import Citizen
from citizencard.core.states import StatefulModel

_PAID = ["paid", "loaded", "confirmed"]


def _is_online(order: models.Model) -> bool:
    """What a chip has confirmed is never taken back."""
    return isinstance(order, TopUpOrder) and order.proof == TopUpOrder.Proof.ACCOUNT


class TopUpOrder(StatefulModel):
    """INIT → PAID (money received, value in transit) → LOADED (MAC2 given to the chip) → CONFIRMED, or REVERSED.

    An order for the account purse goes from PAID to CONFIRMED at once. `occurred_at` and `loaded_at` are the device's
    clock; `received_at`, `paid_at`, `confirmed_at` and `reversed_at` ours. `party` is the agent, kiosk, subsidy payer
    or (of a fare or purchase given back) merchant the money comes through, `payer` whoever tops up somebody else's card. The
    database holds `purse` to be one of `card`.
    """

    class State(models.TextChoices):
        INIT = "init", _("ordered")
        PAID = "paid", _("paid")
        LOADED = "loaded", _("load to be confirmed")
        CONFIRMED = "confirmed", _("confirmed")
        REVERSED = "reversed", _("reversed")

    class Channel(models.TextChoices):
        CASH = "cash", _("cash at the counter")
        AGENT = "agent", _("agent")
        KIOSK = "kiosk", _("kiosk")
        GATEWAY = "gateway", _("payment gateway")
        MANDATE = "mandate", _("direct debit")
        SUBSIDY = "subsidy", _("subsidy")
        REPAIR = "repair", _("fare given back")
        REFUND = "refund", _("refund of a purchase")
        DISPUTE = "dispute", _("credit of a dispute")
        REPLACED = "replaced", _("money of the card before")

    class Proof(models.TextChoices):
        TAC = "tac", _("the chip's TAC")
        COUNTER = "counter", _("the chip's counter")
        ACCOUNT = "account", _("credited online")

    number = models.CharField(_("order number"), max_length=32, unique=True)
    request_key = models.CharField(_("request key"), max_length=80, null=True, blank=True, unique=True)
    card = models.ForeignKey(Card, models.PROTECT, related_name="topups", verbose_name=_("card"))
    purse = models.ForeignKey(Purse, models.PROTECT, related_name="topups", verbose_name=_("purse"))
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    channel = models.CharField(_("channel"), max_length=10, choices=Channel.choices)
    party = models.CharField(_("through"), max_length=30, blank=True, default="", db_default="")
    payer = models.ForeignKey(
        Citizen, models.PROTECT, null=True, blank=True, related_name="paid_topups", verbose_name=_("payer")
    )
    state = FSMField(_("state"), choices=State.choices, default=State.INIT, protected=True)
    actor = models.CharField(_("actor"), max_length=100)
    occurred_at = models.DateTimeField(_("occurred at"))
    received_at = models.DateTimeField(_("received at"), db_default=Now(), editable=False)
    paid_at = models.DateTimeField(_("paid at"), null=True, blank=True)
    confirmed_at = models.DateTimeField(_("confirmed at"), null=True, blank=True)
    reversed_at = models.DateTimeField(_("reversed at"), null=True, blank=True)
    gateway_id = models.CharField(_("gateway payment"), max_length=80, null=True, blank=True, unique=True)
    online_atc = models.PositiveIntegerField(_("online ATC"), null=True, blank=True)
    balance_before_fen = models.BigIntegerField(_("chip balance before (fen)"), null=True, blank=True)
    terminal_no = models.CharField(_("terminal number"), max_length=12, blank=True, default="", db_default="")
    loaded_at = models.DateTimeField(_("loaded at"), null=True, blank=True)
    tac = models.BinaryField(_("TAC"), max_length=4, null=True)
    proof = models.CharField(
        _("proved by"), max_length=7, choices=Proof.choices, blank=True, default="", db_default=""
    )

    class Meta:
        verbose_name = _("top-up order")
        verbose_name_plural = _("top-up orders")
        indexes = [
            models.Index(
                fields=["state"],
                condition=models.Q(state__in=["init", "paid", "loaded"]),
                name="topup_unfinished",
            ),
            BrinIndex(fields=["received_at", "paid_at", "loaded_at", "reversed_at"], name="topup_times"),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(amount_fen__gt=0), name="topup_amount_positive"),
            models.CheckConstraint(
                condition=models.Q(
                    channel__in=["agent", "kiosk", "subsidy", "repair", "refund"], party__gt=""
                )
                | models.Q(channel__in=["cash", "gateway", "mandate", "dispute", "replaced"], party=""),
                name="topup_names_its_party",
            ),
            models.CheckConstraint(
                condition=models.Q(state="init", paid_at=None)
                | models.Q(state__in=_PAID, paid_at__isnull=False)
                | models.Q(state="reversed", reversed_at__isnull=False),
                name="topup_state_has_its_time",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="confirmed")
                | models.Q(confirmed_at__isnull=False, proof__in=["tac", "counter", "account"]),
                name="topup_confirmed_by_proof",
            ),
            models.CheckConstraint(
                condition=~(models.Q(state="loaded") | models.Q(proof__in=["tac", "counter"]))
                | models.Q(
                    online_atc__isnull=False, balance_before_fen__isnull=False, loaded_at__isnull=False
                ),
                name="topup_load_has_its_facts",
            ),
            models.CheckConstraint(
                condition=~models.Q(proof="tac") | models.Q(tac__isnull=False), name="topup_proof_is_the_tac"
            ),
            models.UniqueConstraint(
                fields=["card", "online_atc"],
                condition=models.Q(state="loaded") | models.Q(proof__in=["tac", "counter"]),
                name="one_load_per_online_atc",
            ),
            models.UniqueConstraint(
                fields=["card"], condition=models.Q(state="loaded"), name="one_load_under_way_per_card"
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @transition(field=state, source=State.INIT, target=State.PAID)
    def pay(self) -> None:
        """The money has been received."""

    @transition(field=state, source=[State.PAID, State.LOADED], target=State.LOADED)
    def authorise(self) -> None:
        """The host gave its MAC2: from here the chip may hold the value."""

    @transition(field=state, source=State.CONFIRMED, target=State.REVERSED, conditions=[_is_online])
    def take_back(self) -> None:
        """Credited online, and taken back out of the account purse on the same day."""

    @transition(field=state, source=State.LOADED, target=State.PAID)
    def fall_back(self) -> None:
        """The chip's own counter says that it did not take the value."""

    @transition(field=state, source=State.LOADED, target=State.CONFIRMED)
    def confirm(self) -> None:
        """The chip proves the load, by its TAC or its counter."""

    @transition(field=state, source=State.PAID, target=State.CONFIRMED)
    def credit(self) -> None:
        """The account purse has the value."""

    @transition(field=state, source=[State.INIT, State.PAID], target=State.REVERSED)
    def reverse(self) -> None:
        """The money goes back; nothing was loaded."""
