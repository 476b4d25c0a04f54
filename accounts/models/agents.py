"""Those who take top-up money for us: agents on credit, kiosks in their cash boxes; and what they hand over."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models.ledger import Chart, LedgerAccount


class Agent(models.Model):
    """A shop that tops cards up for cash and owes us the money: never more than `credit_limit_fen`."""

    code = models.SlugField(_("code"), max_length=30, primary_key=True)
    name = models.CharField(_("name"), max_length=100)
    account = models.OneToOneField(LedgerAccount, models.PROTECT, verbose_name=_("ledger account"))
    credit_limit_fen = models.BigIntegerField(_("credit limit (fen)"))
    active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("agent")
        verbose_name_plural = _("agents")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(credit_limit_fen__gte=0), name="agent_credit_limit_not_negative"
            )
        ]

    def __str__(self) -> str:
        return self.name


class Remittance(models.Model):
    """Money handed over from an agent's debt or a kiosk's cash box. Append-only by trigger.

    `expected_fen` is what the account held by the books, `counted_fen` what was there; `key` makes it happen once.
    """

    key = models.CharField(_("idempotency key"), max_length=80, unique=True)
    account = models.ForeignKey(LedgerAccount, models.PROTECT, verbose_name=_("ledger account"))
    into = models.CharField(
        _("received in"),
        max_length=4,
        choices=[(chart.value, chart.label) for chart in (Chart.RESERVE_BANK, Chart.COUNTER_CASH)],
    )
    counted_fen = models.BigIntegerField(_("counted (fen)"))
    expected_fen = models.BigIntegerField(_("expected (fen)"))
    actor = models.CharField(_("actor"), max_length=100)
    occurred_at = models.DateTimeField(_("occurred at"))
    received_at = models.DateTimeField(_("received at"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("remittance")
        verbose_name_plural = _("remittances")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(counted_fen__gte=0, into__in=["1001", "1011"]), name="remittance_sane"
            )
        ]

    def __str__(self) -> str:
        return self.key
