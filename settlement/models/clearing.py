"""Clearing runs and the statements they make."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField, transition

from citizencard.core.states import StatefulModel
from terminals.models import Merchant


class ClearingRun(StatefulModel):
    """The nightly clearing of one business date. Every step is one transaction; a restarted run goes on where it was."""

    class State(models.TextChoices):
        CUT_OFF = "cut_off", _("cut off")
        NETTED = "netted", _("netted")
        POSTED = "posted", _("posted")
        CLEARED = "cleared", _("cleared")

    business_date = models.DateField(_("business date"), primary_key=True)
    state = FSMField(_("state"), choices=State.choices, default=State.CUT_OFF, protected=True)
    started_at = models.DateTimeField(_("started at"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    taps = models.PositiveBigIntegerField(_("taps"), default=0)
    gross_fen = models.BigIntegerField(_("gross (fen)"), default=0)
    fee_fen = models.BigIntegerField(_("fees (fen)"), default=0)
    net_fen = models.BigIntegerField(_("net (fen)"), default=0)
    digest = models.BinaryField(_("digest of the statements"), max_length=32, null=True)

    class Meta:
        verbose_name = _("clearing run")
        verbose_name_plural = _("clearing runs")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(gross_fen=models.F("fee_fen") + models.F("net_fen")),
                name="clearing_run_adds_up",
            )
        ]

    def __str__(self) -> str:
        return self.business_date.isoformat()

    @transition(field=state, source=State.CUT_OFF, target=State.NETTED)
    def net(self) -> None:
        """Statements are computed from the frozen window."""

    @transition(field=state, source=State.NETTED, target=State.POSTED)
    def post(self) -> None:
        """Fees and settlement amounts are in the ledger."""

    @transition(field=state, source=State.POSTED, target=State.CLEARED)
    def clear(self) -> None:
        """The ledger was audited and the business day sealed."""


class Statement(models.Model):
    """What one merchant earned on one business date: gross, fee, net. Append-only by trigger.

    `gross_fen` has the accepted taps and those beyond the balance, which the merchant earned as well, and `online_fen`:
    payments from account purses and rides on passes, less what was refunded; a day of refunds may be below zero. Suspended
    taps stand apart until they are decided. The fee rate is kept as it was, so that the fee can be worked out again.
    """

    run = models.ForeignKey(
        ClearingRun, models.PROTECT, related_name="statements", verbose_name=_("clearing run")
    )
    merchant = models.ForeignKey(
        Merchant, models.PROTECT, related_name="statements", verbose_name=_("merchant")
    )
    taps = models.PositiveBigIntegerField(_("taps"))
    online = models.PositiveBigIntegerField(_("online payments"), default=0)
    online_fen = models.BigIntegerField(_("online payments (fen)"), default=0)
    gross_fen = models.BigIntegerField(_("gross (fen)"))
    fee_basis_points = models.PositiveIntegerField(_("fee (1/10,000)"))
    fee_fen = models.BigIntegerField(_("fee (fen)"))
    net_fen = models.BigIntegerField(_("net (fen)"))
    suspended_taps = models.PositiveBigIntegerField(_("suspended taps"), default=0)
    suspended_fen = models.BigIntegerField(_("suspended (fen)"), default=0)

    class Meta:
        verbose_name = _("settlement statement")
        verbose_name_plural = _("settlement statements")
        constraints = [
            models.UniqueConstraint(fields=["run", "merchant"], name="one_statement_per_merchant_and_date"),
            models.CheckConstraint(
                condition=models.Q(gross_fen=models.F("fee_fen") + models.F("net_fen")),
                name="statement_adds_up",
            ),
            models.CheckConstraint(condition=models.Q(fee_fen__gte=0), name="statement_fee_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.merchant_id}"
