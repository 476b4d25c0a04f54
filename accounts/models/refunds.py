"""Refunds: the dated rules of a product, the refund of one card on its way, and the parts it is paid in."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField, transition

from accounts.models.cards import Card, CardProduct
from accounts.models.topup import TopUpOrder
from citizencard.core.states import StatefulModel


class RefundPolicy(models.Model):
    """What a product's holders get back, when and how; in force from `valid_from` until the next one.

    `after_months` counts from the purchase (记名预付卡: 3), `no_reason_days` likewise: a card that was never used goes back
    with price and deposit (0: never). `waiting_days` is how long offline taps may be late, `sla_days` how long paying may take
    after that. `damage_fee_fen` is taken from the deposit of a card the holder has damaged.
    """

    product = models.ForeignKey(
        CardProduct, models.PROTECT, related_name="refund_policies", verbose_name=_("product")
    )
    valid_from = models.DateField(_("valid from"))
    redeemable = models.BooleanField(_("redeemable"))
    after_months = models.PositiveSmallIntegerField(_("months after purchase"), default=0)
    no_reason_days = models.PositiveSmallIntegerField(_("days without reason"), default=7)
    waiting_days = models.PositiveSmallIntegerField(_("days to wait for late taps"))
    sla_days = models.PositiveSmallIntegerField(_("days to pay"))
    fee_fen = models.BigIntegerField(_("fee (fen)"), default=0)
    damage_fee_fen = models.BigIntegerField(_("fee for damage (fen)"), default=0)
    cash_limit_fen = models.BigIntegerField(_("cash limit (fen)"), default=0)
    legal_basis = models.CharField(_("legal basis"), max_length=200)

    class Meta:
        verbose_name = _("refund policy")
        verbose_name_plural = _("refund policies")
        constraints = [
            models.UniqueConstraint(fields=["product", "valid_from"], name="refund_policy_once_per_date"),
            models.CheckConstraint(
                condition=models.Q(fee_fen__gte=0, damage_fee_fen__gte=0, cash_limit_fen__gte=0)
                & ~models.Q(legal_basis=""),
                name="refund_policy_sane",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.product_id} {self.valid_from}"


class Refund(StatefulModel):
    """One card's money on its way back: requested → cooling → due → approved → paid, or withdrawn or refused.

    From the request on the card is blocked. A top-up or hold under way keeps it `requested`; `cooling` lasts until
    `due_on`, so that late taps still arrive; another person than the requester approves, which fixes the amounts and
    moves the money to 2032. `failed`: a part came back and is to be paid by the bank. `number` is the public tracking
    number. The chip's balance and counter as read at the request are evidence, never what is paid.
    """

    class State(models.TextChoices):
        REQUESTED = "requested", _("requested")
        COOLING = "cooling", _("waiting for late taps")
        DUE = "due", _("due for approval")
        APPROVED = "approved", _("approved")
        PAID = "paid", _("paid")
        FAILED = "failed", _("payment failed")
        WITHDRAWN = "withdrawn", _("withdrawn")
        REFUSED = "refused", _("refused")

    BLOCKING = (State.REQUESTED, State.COOLING, State.DUE)
    """States in which the card waits, blocked, and the money is still in its purses."""

    number = models.CharField(_("refund number"), max_length=32, unique=True)
    card = models.ForeignKey(Card, models.PROTECT, related_name="refunds", verbose_name=_("card"))
    policy = models.ForeignKey(RefundPolicy, models.PROTECT, verbose_name=_("policy"))
    state = FSMField(_("state"), choices=State.choices, default=State.REQUESTED, protected=True)
    card_state = models.CharField(_("card state before"), max_length=20)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    payee = models.CharField(
        _("payee reference"), max_length=80, blank=True, help_text=_("token of a linked bank account")
    )
    requested_by = models.CharField(_("requested by"), max_length=100)
    requested_at = models.DateTimeField(_("requested at"))
    chip_balance_fen = models.BigIntegerField(_("chip balance (fen)"), null=True, blank=True)
    chip_atc = models.PositiveIntegerField(_("chip offline ATC"), null=True, blank=True)
    chip_read_at = models.DateTimeField(_("chip read at"), null=True, blank=True)
    due_on = models.DateField(_("due on"), null=True, blank=True)
    promised_by = models.DateField(_("promised by"), null=True, blank=True)
    decided_by = models.CharField(_("decided by"), max_length=100, blank=True)
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)
    decision_reason = models.CharField(_("reason of the decision"), max_length=200, blank=True)
    balance_fen = models.BigIntegerField(_("balance (fen)"), null=True, blank=True)
    price_fen = models.BigIntegerField(_("price (fen)"), null=True, blank=True)
    deposit_fen = models.BigIntegerField(_("deposit (fen)"), null=True, blank=True)
    damage_fen = models.BigIntegerField(_("damage (fen)"), null=True, blank=True)
    fee_fen = models.BigIntegerField(_("fee (fen)"), null=True, blank=True)
    interest_fen = models.BigIntegerField(_("interest (fen)"), null=True, blank=True)
    payable_fen = models.BigIntegerField(_("payable (fen)"), null=True, blank=True)
    paid_at = models.DateTimeField(_("paid at"), null=True, blank=True)

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        constraints = [
            models.UniqueConstraint(
                fields=["card"],
                condition=models.Q(state__in=["requested", "cooling", "due", "approved", "failed", "paid"]),
                name="one_refund_per_card",
            ),
            models.CheckConstraint(
                condition=~models.Q(state__in=["approved", "paid", "failed"])
                | ~models.Q(decided_by="") & ~models.Q(decided_by=models.F("requested_by")),
                name="refund_approved_by_another_person",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    state__in=["approved", "paid", "failed"],
                    balance_fen__isnull=False,
                    price_fen__gte=0,
                    deposit_fen__gte=0,
                    damage_fen__gte=0,
                    fee_fen__gte=0,
                    interest_fen__gte=0,
                    payable_fen__gte=0,
                    payable_fen=models.F("balance_fen")
                    + models.F("price_fen")
                    + models.F("deposit_fen")
                    - models.F("damage_fen")
                    - models.F("fee_fen")
                    + models.F("interest_fen"),
                )
                | models.Q(
                    state__in=["requested", "cooling", "due", "withdrawn", "refused"], payable_fen=None
                ),
                name="refund_amounts_add_up_from_approval",
            ),
            models.CheckConstraint(
                condition=~models.Q(state__in=["cooling", "due", "approved", "paid", "failed"])
                | models.Q(due_on__isnull=False, promised_by__gte=models.F("due_on")),
                name="refund_has_its_dates",
            ),
            models.CheckConstraint(
                condition=models.Q(chip_balance_fen=None, chip_atc=None, chip_read_at=None)
                | models.Q(
                    chip_balance_fen__isnull=False, chip_atc__isnull=False, chip_read_at__isnull=False
                ),
                name="refund_chip_read_as_a_whole",
            ),
            models.CheckConstraint(
                condition=~models.Q(payee__regex=r"\d{12}"), name="refund_payee_is_no_account_number"
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @transition(field=state, source=State.REQUESTED, target=State.COOLING)
    def cool(self) -> None:
        """Nothing is under way on the card any more: wait for late taps."""

    @transition(field=state, source=State.COOLING, target=State.DUE)
    def fall_due(self) -> None:
        """The waiting is over."""

    @transition(field=state, source=State.DUE, target=State.APPROVED)
    def approve(self) -> None:
        """Another person agrees: the amounts stand, the money leaves the purses."""

    @transition(field=state, source=[State.APPROVED, State.FAILED], target=State.PAID)
    def pay(self) -> None:
        """Every part has reached its payee."""

    @transition(field=state, source=[State.APPROVED, State.PAID], target=State.FAILED)
    def fail(self) -> None:
        """A part came back; the bank is to pay it."""

    @transition(field=state, source=BLOCKING, target=State.WITHDRAWN)
    def withdraw(self) -> None:
        """The holder keeps the card."""

    @transition(field=state, source=BLOCKING, target=State.REFUSED)
    def refuse(self) -> None:
        """Nothing is paid; the reason stands."""


class RefundPart(StatefulModel):
    """What one payee gets by one way. The parts that have not failed add up to the refund, by deferred trigger.

    `key` names the payment for good: the same key never pays twice. `reference` is the bank's or the receipt's number.
    """

    class Method(models.TextChoices):
        GATEWAY = "gateway", _("back through the payment gateway")
        CASH = "cash", _("cash at the counter")
        BANK = "bank", _("bank transfer")

    class State(models.TextChoices):
        WAITING = "waiting", _("to be paid")
        PAID = "paid", _("paid")
        FAILED = "failed", _("failed")

    refund = models.ForeignKey(Refund, models.PROTECT, related_name="parts", verbose_name=_("refund"))
    key = models.CharField(_("idempotency key"), max_length=80, unique=True)
    method = models.CharField(_("method"), max_length=10, choices=Method.choices)
    order = models.ForeignKey(
        TopUpOrder,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="refund_parts",
        verbose_name=_("top-up order"),
    )
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    state = FSMField(_("state"), choices=State.choices, default=State.WAITING, protected=True)
    reference = models.CharField(_("reference"), max_length=80, blank=True)
    failure = models.CharField(_("why it failed"), max_length=200, blank=True)
    settled_at = models.DateTimeField(_("settled at"), null=True, blank=True)

    class Meta:
        verbose_name = _("part of a refund")
        verbose_name_plural = _("parts of refunds")
        constraints = [
            models.CheckConstraint(condition=models.Q(amount_fen__gt=0), name="refund_part_positive"),
            models.CheckConstraint(
                condition=models.Q(method="gateway", order__isnull=False)
                | ~models.Q(method="gateway") & models.Q(order=None),
                name="refund_part_order_by_gateway",
            ),
            models.CheckConstraint(
                condition=models.Q(state="waiting", settled_at=None)
                | models.Q(state__in=["paid", "failed"], settled_at__isnull=False),
                name="refund_part_settled_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return self.key

    @transition(field=state, source=State.WAITING, target=State.PAID)
    def pay(self) -> None:
        """The payee has it."""

    @transition(field=state, source=[State.WAITING, State.PAID], target=State.FAILED)
    def fail(self) -> None:
        """It did not reach the payee, or came back from there."""
