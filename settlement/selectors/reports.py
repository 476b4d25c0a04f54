"""Finance reports of a business date, each figure read from statements, taps, refusals or the ledger."""

from __future__ import annotations

from datetime import date
from typing import Final

from django.db.models import Count, Sum

from accounts.models import Chart
from accounts.selectors.balances import trial_balance
from citizencard.core.errors import NotFound
from citizencard.core.models import BusinessDay
from settlement.models import ClearingRun, Statement
from settlement.selectors.figures import (
    Amounts,
    ChannelLine,
    DayReport,
    MerchantLine,
    RefusalLine,
    ReserveCheck,
    SuspendedLine,
)
from terminals.models import Refusal, Tap

# First digits of the chart of accounts.
_ASSETS: Final = "1"
_LIABILITIES: Final = "2"

__all__ = ["day_report", "reserve_check", "trial_balance"]


def day_report(day: date) -> DayReport:
    """The settlement of `day` per merchant and channel, what waits in suspense and what was refused. Raises NotFound."""
    window = BusinessDay.objects.filter(date=day).first()
    if window is None:
        raise NotFound(what=f"business day {day}")
    run = ClearingRun.objects.filter(business_date=day).first()
    merchants = _merchants(day)
    return DayReport(
        business_date=day,
        state=run.state if run else window.state,
        finished_at=run.finished_at if run else None,
        digest=bytes(run.digest).hex() if run and run.digest else "",
        merchants=merchants,
        channels=_channels(merchants),
        total=Amounts.total(line.amounts for line in merchants),
        suspended=_suspended(day),
        refusals=_refusals(day),
    )


def reserve_check() -> ReserveCheck:
    """Money held against money owed, over the whole ledger."""
    held = claims = owed = income = 0
    for row in trial_balance():
        debit_fen = row.debit_fen - row.credit_fen
        if row.code.startswith(Chart.SUSPENSE_RECEIVABLE):
            claims += debit_fen
        elif row.code.startswith(_ASSETS):
            held += debit_fen
        elif row.code.startswith(_LIABILITIES):
            owed -= debit_fen
        else:
            income -= debit_fen
    return ReserveCheck(held_fen=held, claims_fen=claims, owed_fen=owed, income_fen=income)


def _merchants(day: date) -> list[MerchantLine]:
    statements = Statement.objects.filter(run_id=day).select_related("merchant").order_by("merchant__code")
    return [
        MerchantLine(
            code=statement.merchant.code,
            name=statement.merchant.name,
            channel=statement.merchant.channel,
            fee_basis_points=statement.fee_basis_points,
            amounts=Amounts(
                taps=statement.taps,
                online=statement.online,
                online_fen=statement.online_fen,
                gross_fen=statement.gross_fen,
                fee_fen=statement.fee_fen,
                adjusted_fen=statement.adjusted_fen,
                net_fen=statement.net_fen,
                suspended_taps=statement.suspended_taps,
                suspended_fen=statement.suspended_fen,
            ),
        )
        for statement in statements
    ]


def _channels(merchants: list[MerchantLine]) -> list[ChannelLine]:
    names = sorted({line.channel for line in merchants})
    parts = {name: [line.amounts for line in merchants if line.channel == name] for name in names}
    return [ChannelLine(name, len(amounts), Amounts.total(amounts)) for name, amounts in parts.items()]


def _suspended(day: date) -> list[SuspendedLine]:
    groups = (
        Tap.objects.filter(business_date=day)
        .exclude(outcome=Tap.Outcome.ACCEPTED)
        .values("outcome")
        .annotate(taps=Count("id"), amount_fen=Sum("amount_fen"))
        .order_by("outcome")
    )
    return [SuspendedLine(**group) for group in groups]


def _refusals(day: date) -> list[RefusalLine]:
    groups = (
        Refusal.objects.filter(business_date=day)
        .values("code")
        .annotate(records=Count("id"))
        .order_by("code")
    )
    return [RefusalLine(**group) for group in groups]
