"""Money to be given back through the payment gateway: an outbox, written with its cause, sent afterwards."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField, transition

from accounts.models.topup import TopUpOrder
from citizencard.core.states import StatefulModel


class GatewayRefund(StatefulModel):
    """REQUESTED → SENT (the gateway has it) → SUCCEEDED or FAILED. A succeeded one may still come back from the bank.

    `key` names it at the gateway, so that asking again after a lost answer finds the same refund. The database keeps the
    refunds of an order that have not failed within the order's amount.
    """

    class State(models.TextChoices):
        REQUESTED = "requested", _("to be sent")
        SENT = "sent", _("sent to the gateway")
        SUCCEEDED = "succeeded", _("refunded")
        FAILED = "failed", _("failed")

    class Cause(models.TextChoices):
        REVERSAL = "reversal", _("top-up reversed")
        REFUND = "refund", _("card refund")

    key = models.CharField(_("idempotency key"), max_length=80, unique=True)
    order = models.ForeignKey(
        TopUpOrder, models.PROTECT, related_name="gateway_refunds", verbose_name=_("top-up order")
    )
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    cause = models.CharField(_("cause"), max_length=10, choices=Cause.choices)
    state = FSMField(_("state"), choices=State.choices, default=State.REQUESTED, protected=True)
    actor = models.CharField(_("actor"), max_length=100)
    requested_at = models.DateTimeField(_("requested at"), db_default=Now(), editable=False)
    asked_at = models.DateTimeField(_("last asked at"), null=True, blank=True)
    attempts = models.PositiveIntegerField(_("attempts"), default=0, db_default=0)
    gateway_id = models.CharField(_("gateway refund"), max_length=80, null=True, blank=True, unique=True)
    settled_at = models.DateTimeField(_("settled at"), null=True, blank=True)
    failure = models.CharField(_("why it failed"), max_length=200, blank=True, default="", db_default="")

    class Meta:
        verbose_name = _("refund through the gateway")
        verbose_name_plural = _("refunds through the gateway")
        indexes = [
            models.Index(
                fields=["state"],
                condition=models.Q(state__in=["requested", "sent"]),
                name="gateway_refund_unsettled",
            )
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(amount_fen__gt=0), name="gateway_refund_positive"),
            models.CheckConstraint(
                condition=models.Q(state="requested", gateway_id=None)
                | models.Q(state__in=["sent", "succeeded"], gateway_id__isnull=False)
                | models.Q(state="failed"),
                name="gateway_refund_known_once_sent",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["requested", "sent"], settled_at=None)
                | models.Q(state__in=["succeeded", "failed"], settled_at__isnull=False),
                name="gateway_refund_settled_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return self.key

    @transition(field=state, source=State.REQUESTED, target=State.SENT)
    def send(self) -> None:
        """The gateway has taken it."""

    @transition(field=state, source=[State.REQUESTED, State.SENT], target=State.SUCCEEDED)
    def succeed(self) -> None:
        """The payer has the money."""

    @transition(field=state, source=[State.REQUESTED, State.SENT, State.SUCCEEDED], target=State.FAILED)
    def fail(self) -> None:
        """The gateway refuses, or the payer's bank has returned the money: it is owed again."""
