"""The bank's answer to a payout file: what it rejects is owed to its merchant again, with the bank's reason."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from accounts.services import postings
from accounts.services.ledger import post_journal
from citizencard.core.audit import record_audit
from settlement.bankfiles.pain002 import read_pain002
from settlement.bankfiles.values import Fault, Problem, StatusReport, Unreadable
from settlement.errors import BankFileRefused
from settlement.locks import lock_bank
from settlement.models import BankFile, PayoutBatch, PayoutOrder
from settlement.services.bank_files import keep_file, sealed_file
from settlement.services.payouts import follow_orders
from settlement.services.statements import refuse_file, require_new

_KIND = BankFile.Kind.PAIN_002
_OUT = (PayoutBatch.State.SENT, PayoutBatch.State.SETTLED, PayoutBatch.State.PARTLY_RETURNED)


def import_status_report(*, content: bytes, actor: str, now: datetime) -> PayoutBatch:
    """Take a `pain.002.001.10` report; the whole of it or nothing. Raises BankFileRefused. Audited."""
    file = sealed_file(content)
    try:
        return _take(read_pain002(content), file, actor, now)
    except Unreadable as refusal:
        refuse_file(file, kind=_KIND, problems=refusal.problems, actor=actor, now=now)
        raise BankFileRefused(refusal.problems) from None


def preview_status_report(content: bytes) -> StatusReport:
    """What a report says; nothing is taken or kept. Raises BankFileRefused."""
    try:
        return read_pain002(content)
    except Unreadable as refusal:
        raise BankFileRefused(refusal.problems) from None


@transaction.atomic
def _take(report: StatusReport, file: BankFile, actor: str, now: datetime) -> PayoutBatch:
    lock_bank()
    require_new(file)
    batch = PayoutBatch.objects.filter(number=report.batch, state__in=_OUT).first()
    if batch is None:
        raise Unreadable(Problem(0, "OrgnlMsgId", Fault.UNKNOWN_BATCH))
    if report.count not in (None, batch.count):
        raise Unreadable(Problem(0, "OrgnlNbOfTxs", Fault.COUNT))
    if report.total_fen not in (None, batch.total_fen):
        raise Unreadable(Problem(0, "OrgnlCtrlSum", Fault.SUM))
    orders = {order.end_to_end_id: order for order in batch.orders.select_related("merchant").order_by("pk")}
    rejected = _rejected(report, orders)
    keep_file(file, kind=_KIND, actor=actor, at=now, batch=batch)
    if rejected:
        PayoutOrder.objects.bulk_update(rejected, ["state", "failure"])
        payouts = [
            postings.Payout(order.pk, order.merchant.settlement_id, order.amount_fen) for order in rejected
        ]
        post_journal(
            key=f"payout-rejected:{bytes(file.sha256).hex()}",
            kind="payout_rejected",
            actor=actor,
            source=batch.number,
            legs=postings.payouts_rejected(payouts=payouts, occurred_at=now),
        )
        follow_orders({batch.pk})
    record_audit(
        actor=actor,
        action="payout.status",
        subject=f"payout:{batch.number}",
        detail={"sha256": bytes(file.sha256).hex(), "rejected": len(rejected)},
    )
    return PayoutBatch.objects.get(pk=batch.pk)


def _rejected(report: StatusReport, orders: dict[str, PayoutOrder]) -> list[PayoutOrder]:
    """The orders that are rejected now, changed and not saved. Raises Unreadable: unknown, another amount, or paid already."""
    found = {}
    if report.accepted is False:
        found = {order.end_to_end_id: (order, report.reason, 0) for order in orders.values()}
    for told in report.orders:
        order = orders.get(told.end_to_end_id)
        if order is None:
            raise Unreadable(Problem(told.line, "OrgnlEndToEndId", Fault.UNKNOWN_ORDER))
        if told.amount_fen not in (None, order.amount_fen):
            raise Unreadable(Problem(told.line, "OrgnlTxRef/Amt", Fault.AMOUNT_DIFFERS))
        if not told.accepted:
            found[told.end_to_end_id] = (order, told.reason or report.reason, told.line)
    for order, reason, line in found.values():
        if order.state != PayoutOrder.State.SENT:
            raise Unreadable(Problem(line, "TxSts", Fault.STATUS))
        order.state, order.failure = PayoutOrder.State.REJECTED, reason
    return [order for order, _reason, _line in found.values()]
