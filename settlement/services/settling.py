"""Posting a cleared date: each merchant's fee and what is left for payout, in one journal."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Final

from accounts.models import Chart, Transfer
from accounts.services.ledger import Leg, open_account, post_journal
from citizencard.core.calendar import SHANGHAI
from settlement.models import ClearingRun, Statement

_ACTOR: Final = "clearing"


def post_statements(*, run: ClearingRun) -> None:
    """Move what the merchants earned on the run's date out of their payable accounts: the fee to income, the rest
    to their settlement accounts. Amounts of zero make no transfer, and a date without amounts no journal.
    """
    fee_income = open_account(chart=Chart.FEE_INCOME).pk
    statements = Statement.objects.filter(run=run).select_related("merchant").order_by("merchant__code")
    # The window ends with its date; that is when the merchants' claims become due.
    due = datetime.combine(run.business_date + timedelta(days=1), time(), SHANGHAI)
    legs = [
        Leg(statement.merchant.payable_id, account, amount_fen, kind, statement.pk, due)
        for statement in statements
        for account, amount_fen, kind in (
            (fee_income, statement.fee_fen, Transfer.Kind.FEE),
            (statement.merchant.settlement_id, statement.net_fen, Transfer.Kind.SETTLEMENT),
        )
        if amount_fen
    ]
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
