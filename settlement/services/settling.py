"""Posting a cleared date: each merchant's fee, what is left for payout, and the shares of others in it, in one journal."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Final

from django.db.models import F

from accounts.models import Chart
from accounts.services.ledger import Leg, post_journal
from accounts.services.postings import account_id, merchant_cleared, settlement_shared
from citizencard.core.calendar import SHANGHAI
from settlement.models import ClearingRun, Statement, StatementShare

_ACTOR: Final = "clearing"


def post_statements(*, run: ClearingRun) -> None:
    """Move what the merchants earned on the run's date out of their payable accounts: the fee to income, the rest
    to their settlement accounts, and from there what a split gives to others. Amounts of zero make no transfer, and a
    date without amounts no journal.
    """
    fee_income_id = account_id(Chart.FEE_INCOME)
    statements = Statement.objects.filter(run=run).select_related("merchant").order_by("merchant__code")
    # The window ends with its date; that is when the merchants' claims become due.
    due = datetime.combine(run.business_date + timedelta(days=1), time(), SHANGHAI)
    legs = [
        leg
        for statement in statements
        for leg in merchant_cleared(
            payable_id=statement.merchant.payable_id,
            settlement_id=statement.merchant.settlement_id,
            fee_income_id=fee_income_id,
            fee_fen=statement.fee_fen,
            net_fen=statement.net_fen,
            statement_id=statement.pk,
            occurred_at=due,
        )
    ]
    legs += _shares(run, due)
    if legs:
        name = run.business_date.isoformat()
        post_journal(
            key=f"clearing:{name}",
            kind="clearing",
            actor=_ACTOR,
            source=name,
            legs=legs,
            business_date=run.business_date,
        )


def _shares(run: ClearingRun, due: datetime) -> list[Leg]:
    """What the date's splits move between merchants; the part a merchant keeps of its own moves nowhere."""
    shares = (
        StatementShare.objects.filter(statement__run=run)
        .exclude(merchant=F("statement__merchant"))
        .select_related("statement__merchant", "merchant")
        .order_by("pk")
    )
    return [
        leg
        for share in shares
        for leg in settlement_shared(
            giver_id=share.statement.merchant.settlement_id,
            taker_id=share.merchant.settlement_id,
            amount_fen=share.amount_fen,
            share_id=share.pk,
            occurred_at=due,
        )
    ]
