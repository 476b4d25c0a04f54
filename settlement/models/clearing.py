"""Clearing runs and the statements they make."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField, transition

from accounts.models import LedgerAccount
from citizencard.core.states import StatefulModel
from settlement.models.contracts import Contract
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
    adjusted_fen = models.BigIntegerField(_("adjustments (fen)"), default=0, db_default=0)
    net_fen = models.BigIntegerField(_("net (fen)"), default=0)
    digest = models.BinaryField(_("digest of the statements"), max_length=32, null=True)

    class Meta:
        verbose_name = _("clearing run")
        verbose_name_plural = _("clearing runs")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    gross_fen=models.F("fee_fen") + models.F("net_fen") - models.F("adjusted_fen")
                ),
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
    """What one merchant earned on one business date: gross, fee, adjustments, net. Append-only by trigger.

    `gross_fen` has the accepted taps and those beyond the balance, which the merchant earned as well, and `online_fen`:
    payments from account purses and rides on passes, less what was refunded; a day of refunds may be below zero. Suspended
    taps stand apart until they are decided.

    The fee can be worked out again: it is what the contract asks for `fee_before` and `fee_base` together, less what it asks for
    `fee_before` alone. `fee_base` is the date's part of what the contract measures, `fee_before` what its month had
    before; zero where it counts by the day. `fee_basis_points` is the rate where it is a plain one. A date without a contract
    bears no fee, and its net waits for one.
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
    contract = models.ForeignKey(
        Contract, models.PROTECT, null=True, related_name="statements", verbose_name=_("contract")
    )
    fee_basis_points = models.PositiveIntegerField(_("fee (1/10,000)"), null=True)
    fee_base = models.BigIntegerField(_("fee base"), default=0, db_default=0)
    fee_before = models.BigIntegerField(_("fee base of the month before"), default=0, db_default=0)
    fee_fen = models.BigIntegerField(_("fee (fen)"))
    adjusted_fen = models.BigIntegerField(_("adjustments (fen)"), default=0, db_default=0)
    net_fen = models.BigIntegerField(_("net (fen)"))
    suspended_taps = models.PositiveBigIntegerField(_("suspended taps"), default=0)
    suspended_fen = models.BigIntegerField(_("suspended (fen)"), default=0)

    class Meta:
        verbose_name = _("settlement statement")
        verbose_name_plural = _("settlement statements")
        constraints = [
            models.UniqueConstraint(fields=["run", "merchant"], name="one_statement_per_merchant_and_date"),
            models.CheckConstraint(
                condition=models.Q(
                    gross_fen=models.F("fee_fen") + models.F("net_fen") - models.F("adjusted_fen")
                ),
                name="statement_adds_up",
            ),
            models.CheckConstraint(condition=models.Q(fee_fen__gte=0), name="statement_fee_not_negative"),
            models.CheckConstraint(
                condition=models.Q(contract__isnull=False) | models.Q(fee_basis_points__isnull=False),
                name="statement_fee_has_its_rule",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.merchant_id}"


class StatementShare(models.Model):
    """What of a statement a merchant gets by the split of its contract, in fen. Append-only by trigger.

    The parts are those of the weights, rounded by the largest remainder: together they are exactly what is split.
    """

    statement = models.ForeignKey(
        Statement, models.PROTECT, related_name="shares", verbose_name=_("settlement statement")
    )
    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="+", verbose_name=_("merchant"))
    weight = models.PositiveIntegerField(_("weight (1/10,000)"))
    amount_fen = models.BigIntegerField(_("amount (fen)"))

    class Meta:
        verbose_name = _("share of a statement")
        verbose_name_plural = _("shares of statements")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["statement", "merchant"], name="statement_share_once"),
        ]

    def __str__(self) -> str:
        return f"{self.statement_id}: {self.merchant_id}"


class Position(models.Model):
    """What a party gets (above zero) or gives (below) on one business date, in fen. Append-only by trigger.

    The positions of a run sum to zero: the database refuses them otherwise.
    """

    class Party(models.TextChoices):
        MERCHANT = "merchant", _("merchant")
        SUB_MERCHANT = "sub", _("sub-merchant")
        FEES = "fees", _("fee income")
        PAYER = "payer", _("subsidy payer")
        INTERCITY = "intercity", _("card of another city")
        ADJUSTMENT = "adjusted", _("adjustments")
        FUNDS = "funds", _("card funds and claims")

    run = models.ForeignKey(
        ClearingRun, models.PROTECT, related_name="positions", verbose_name=_("clearing run")
    )
    party = models.CharField(_("party"), max_length=9, choices=Party.choices)
    account = models.ForeignKey(
        LedgerAccount, models.PROTECT, null=True, related_name="+", verbose_name=_("ledger account")
    )
    """Whose: empty for card funds, which are many accounts."""
    amount_fen = models.BigIntegerField(_("amount (fen)"))

    class Meta:
        verbose_name = _("settlement position")
        verbose_name_plural = _("settlement positions")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["run", "party", "account"], nulls_distinct=False, name="position_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.party}"
