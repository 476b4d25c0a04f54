"""The demo city's bank: the day's merchants are paid out, and the sandbox bank answers with its report and statement."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime, time, timedelta
from typing import Final

from accounts.models import Chart, LedgerAccount
from accounts.selectors.balances import account_balance_fen
from citizencard.core.calendar import SHANGHAI
from citizencard.sandbox.bank import Booking, answer
from settlement.errors import NoBankStatement, NothingToPay
from settlement.models import BankFile, PayoutBatch
from settlement.selectors.bank import last_statement
from settlement.services.bank_files import open_file
from settlement.services.order_status import import_status_report
from settlement.services.payouts import approve_payouts, make_payouts, propose_payouts, send_payouts
from settlement.services.reserve import file_reserve_report
from settlement.services.statements import import_statement

FINANCE: Final = "finance"
SUPERVISOR: Final = "supervisor"
NIGHT: Final = "clearing"
_RECEIPTS: Final = ((Chart.GATEWAY_RECEIVABLE, "GW"), (Chart.COUNTER_CASH, "CASH"))
"""Half of each comes in at the bank; the rest is still under way, or change in the drawer."""


def pay_out(day: date) -> PayoutBatch | None:
    """Pay the cleared `day` out in the morning after and take what the bank says; None if nobody is due anything.

    Each step can be repeated, so a day that broke off is taken up again.
    """
    now = datetime.combine(day + timedelta(days=1), time(1), SHANGHAI)
    try:
        batch = make_payouts(through=day, actor=NIGHT, now=now)
    except NothingToPay:
        return None
    if batch.state == PayoutBatch.State.DRAFTED:
        batch = propose_payouts(batch=batch, actor=FINANCE)
    if batch.state == PayoutBatch.State.PROPOSED:
        batch = approve_payouts(batch=batch, actor=SUPERVISOR)
    batch = send_payouts(batch=batch, actor=FINANCE, now=now)
    if batch.state == PayoutBatch.State.SENT:
        _take_answer(batch, now)
    with suppress(NoBankStatement):  # of the city's first day there is none
        file_reserve_report(day=day, actor=FINANCE, now=now)
    batch.refresh_from_db()
    return batch


def _take_answer(batch: PayoutBatch, now: datetime) -> None:
    order = open_file(file=batch.files.get(kind=BankFile.Kind.PAIN_001), actor=FINANCE, reason=batch.number)
    last = last_statement()
    receipts = [
        Booking(fen, reference=f"{name}-{batch.through:%Y%m%d}")
        for chart, name in _RECEIPTS
        if (fen := _held_fen(chart) // 2) > 0
    ]
    opening_fen = last.closing_fen if last else 0
    report, statement = answer(order, opening_fen=opening_fen, receipts=receipts)
    if not batch.files.filter(kind=BankFile.Kind.PAIN_002).exists():
        import_status_report(content=report, actor=FINANCE, now=now)
    import_statement(content=statement, actor=FINANCE, now=now)


def _held_fen(chart: Chart) -> int:
    account = LedgerAccount.objects.filter(code=chart).first()
    return account_balance_fen(account.pk) if account else 0
