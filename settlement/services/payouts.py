"""Paying merchants what cleared dates have brought them: a batch is made, proposed, approved by others and sent, once.

Every step is one transaction under the bank's lock. Nothing waits for the bank: sending freezes the file, and its bytes are
the same whenever somebody fetches them. What the bank then says comes in by `services.statements` and `services.order_status`.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.services import postings
from accounts.services.ledger import post_journal
from citizencard.core.audit import record_audit
from citizencard.core.calendar import shanghai
from citizencard.core.errors import InvalidField, MakerIsChecker
from citizencard.core.models import BusinessDay
from citizencard.core.states import step_to
from settlement.bankfiles.pain001 import write_pain001
from settlement.bankfiles.text import write_text
from settlement.bankfiles.values import BankAccount, Payment, PaymentOrder
from settlement.errors import FileChanged, IllegalPayoutStep, NotCleared, NothingToPay
from settlement.locks import lock_bank, lock_batch
from settlement.models import BankFile, PayoutBatch, PayoutCarried, PayoutOrder
from settlement.selectors.calendar import next_working_day
from settlement.selectors.payouts import (
    Due,
    digest_of_orders,
    due_merchants,
    needs_second_approval,
    order_rows,
)
from settlement.services.bank_files import keep_file, sealed_file
from settlement.services.payee_rules import open_accounts

State = PayoutBatch.State
_NOTE: Final = "市民卡结算款"
"""What payees read; files for Chinese banks are Chinese whatever language the office has."""


@transaction.atomic
def make_payouts(*, through: date, actor: str, now: datetime) -> PayoutBatch:
    """Collect what every merchant is due of cleared dates up to `through` into one batch, or return the one there is.

    What a contract settles later is left for a later batch, and who is not paid is carried forward with the reason. Raises
    NotCleared, NothingToPay, CalendarMissing. Audited.
    """
    lock_bank()
    batches = PayoutBatch.objects.filter(through=through)
    if standing := batches.exclude(state=State.REFUSED).first():
        return standing
    _require_cleared(through)
    today = shanghai(now).date()
    value_date = next_working_day(max(through, today - timedelta(days=1)))
    found = due_merchants(through=through, value_date=value_date)
    paid = [due for due in found if due.why_not is None]
    carried = [due for due in found if due.why_not is not None]
    if not paid:
        raise NothingToPay(date=through, carried=sum(due.amount_fen != 0 for due in carried))
    turn = batches.count() + 1
    name = f"{through:%Y%m%d}" + (f".{turn}" if turn > 1 else "")
    total_fen = sum(due.amount_fen for due in paid)
    rows = [(f"{name}-{due.code}", due.account_id, due.amount_fen) for due in paid if due.account_id]
    batch = PayoutBatch.objects.create(
        number=f"PO{name}",
        through=through,
        round=turn,
        value_date=value_date,
        count=len(paid),
        total_fen=total_fen,
        digest=digest_of_orders(rows),
        needs_second=needs_second_approval(total_fen=total_fen, day=today),
        made_by=actor,
        made_at=now.replace(microsecond=0),
    )
    _write_rows(batch, name, paid, carried)
    _audit(batch, "make", actor)
    return batch


@transaction.atomic
def propose_payouts(*, batch: PayoutBatch, actor: str) -> PayoutBatch:
    """Somebody has looked through the batch and wants it paid; again, nothing changes. Raises IllegalPayoutStep. Audited."""
    current = lock_batch(batch.pk)
    if current.state == State.PROPOSED and current.proposed_by == actor:
        return current
    with step_to(State.PROPOSED, IllegalPayoutStep):
        current.propose()
    current.proposed_by = actor
    current.save(update_fields=PayoutBatch.STEPS)
    _audit(current, "propose", actor)
    return current


@transaction.atomic
def approve_payouts(*, batch: PayoutBatch, actor: str) -> PayoutBatch:
    """Another person agrees; where the batch needs two, a third one as well. Again, nothing changes. Audited.

    Raises MakerIsChecker, IllegalPayoutStep, FileChanged (the orders are not those that were proposed).
    """
    current = lock_batch(batch.pk)
    if actor in (current.approved_by, current.seconded_by):
        return current
    if actor in (current.made_by, current.proposed_by):
        raise MakerIsChecker
    if digest_of_orders(order_rows(current)) != bytes(current.digest):
        raise FileChanged(file=current.number)
    if current.state == State.PROPOSED and not current.approved_by:
        current.approved_by = actor
    elif current.state == State.PROPOSED:
        current.seconded_by = actor
    if not current.needs_second or current.seconded_by or current.state != State.PROPOSED:
        with step_to(State.APPROVED, IllegalPayoutStep):
            current.approve()
    current.save(update_fields=PayoutBatch.STEPS)
    _audit(current, "approve", actor)
    return current


@transaction.atomic
def refuse_payouts(*, batch: PayoutBatch, actor: str, reason: str) -> PayoutBatch:
    """The batch is not paid, and its amounts are due again; what is sent cannot be refused. Audited.

    Raises InvalidField (no reason), IllegalPayoutStep.
    """
    if not reason.strip():
        raise InvalidField("reason", _("a batch is refused for a reason"))
    current = lock_batch(batch.pk)
    if current.state == State.REFUSED:
        return current
    with step_to(State.REFUSED, IllegalPayoutStep):
        current.refuse()
    current.refused_by, current.reason = actor, reason.strip()
    current.save(update_fields=PayoutBatch.STEPS)
    current.orders.update(state=PayoutOrder.State.DROPPED)
    _audit(current, "refuse", actor, reason=current.reason)
    return current


def send_payouts(*, batch: PayoutBatch, actor: str, now: datetime) -> PayoutBatch:
    """Freeze the batch's files for the bank and put the money on its way in the books; again, nothing changes. Audited.

    Raises IllegalPayoutStep. The files are made and sealed before the transaction: nothing of the batch changes any more.
    """
    order = payment_order(batch)
    files = [
        (kind, sealed_file(write(order)))
        for kind, write in ((BankFile.Kind.PAIN_001, write_pain001), (BankFile.Kind.TEXT, write_text))
    ]
    with transaction.atomic():
        current = lock_batch(batch.pk)
        if current.state in (State.SENT, State.SETTLED, State.PARTLY_RETURNED):
            return current
        with step_to(State.SENT, IllegalPayoutStep):
            current.send()
        current.sent_at = now
        current.save(update_fields=PayoutBatch.STEPS)
        current.orders.update(state=PayoutOrder.State.SENT)
        post_journal(
            key=f"payout-sent:{current.number}",
            kind="payout_sent",
            actor=actor,
            source=current.number,
            legs=postings.payouts_sent(payouts=_payouts(current), occurred_at=now),
        )
        for kind, file in files:
            keep_file(file, kind=kind, actor=actor, at=now, batch=current)
        _audit(current, "send", actor, sha256=bytes(files[0][1].sha256).hex())
    return current


def payment_order(batch: PayoutBatch) -> PaymentOrder:
    """A batch as its files say it: the same every time, for nothing of it changes. Opens the payees' accounts."""
    orders = list(batch.orders.select_related("account").order_by("pk"))
    payees = open_accounts([order.account for order in orders])
    payer = BankAccount(
        settings.RESERVE_ACCOUNT_HOLDER, settings.RESERVE_BANK_CODE, settings.RESERVE_ACCOUNT_NUMBER
    )
    return PaymentOrder(
        number=batch.number,
        made_at=batch.made_at,
        value_date=batch.value_date,
        payer=payer,
        payments=tuple(
            Payment(order.end_to_end_id, order.amount_fen, payee, f"{_NOTE} {batch.through}")
            for order, payee in zip(orders, payees, strict=True)
        ),
    )


def follow_orders(batch_ids: set[int]) -> None:
    """Let batches become what their orders are; in the caller's transaction, which holds the bank's lock."""
    for pk in sorted(batch_ids):
        batch = lock_batch(pk)
        states = set(batch.orders.values_list("state", flat=True))
        if PayoutOrder.State.SENT in states:
            continue
        if states & set(PayoutOrder.UNPAID):
            if batch.state != State.PARTLY_RETURNED:
                batch.return_in_part()
        elif batch.state != State.SETTLED:
            batch.settle()
        batch.save(update_fields=PayoutBatch.STEPS)


def _require_cleared(through: date) -> None:
    days = BusinessDay.objects.filter(date__lte=through).order_by("date")
    unsealed = days.exclude(state=BusinessDay.State.CLOSED).first()
    if unsealed is not None or not days.filter(date=through).exists():
        raise NotCleared(date=unsealed.date if unsealed else through)


def _write_rows(batch: PayoutBatch, name: str, paid: list[Due], carried: list[Due]) -> None:
    PayoutOrder.objects.bulk_create(
        PayoutOrder(
            batch=batch,
            merchant_id=due.merchant_id,
            account_id=str(due.account_id),
            end_to_end_id=f"{name}-{due.code}",
            amount_fen=due.amount_fen,
        )
        for due in paid
    )
    PayoutCarried.objects.bulk_create(
        PayoutCarried(
            batch=batch, merchant_id=due.merchant_id, amount_fen=due.amount_fen, why=due.why_not or ""
        )
        for due in carried
    )


def _payouts(batch: PayoutBatch) -> list[postings.Payout]:
    rows = batch.orders.order_by("pk").values_list("pk", "merchant__settlement_id", "amount_fen")
    return [postings.Payout(*row) for row in rows]


def _audit(batch: PayoutBatch, step: str, actor: str, **detail: str) -> None:
    record_audit(
        actor=actor,
        action=f"payout.{step}",
        subject=f"payout:{batch.number}",
        detail={"count": batch.count, "total_fen": batch.total_fen, **detail},
    )
