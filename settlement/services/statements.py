"""Taking a bank statement: the whole file or nothing, once, where the one before ended; every line is then in the books.

A line is a payout of ours or its return, the settlement of a claim, something people have booked by its reference, or nobody
knows: then it waits in suspense with an owner. A refused file is kept as evidence.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from django.conf import settings
from django.db import transaction

from citizencard.core.audit import record_audit
from settlement.bankfiles.camt053 import read_camt053
from settlement.bankfiles.values import AccountStatement, Fault, Problem, Unreadable
from settlement.errors import BankFileRefused
from settlement.locks import lock_bank
from settlement.models import BankFile, BankStatement
from settlement.selectors.bank import last_statement
from settlement.services.bank_booking import book_lines
from settlement.services.bank_files import keep_file, sealed_file
from settlement.services.reserve import check_reserve

_KIND = BankFile.Kind.CAMT_053


def import_statement(*, content: bytes, actor: str, now: datetime) -> BankStatement:
    """Take a `camt.053.001.08` statement and book its lines. Raises BankFileRefused with everything that is wrong. Audited."""
    file = sealed_file(content)
    try:
        return _take(read_camt053(content), file, actor, now)
    except Unreadable as refusal:
        refuse_file(file, kind=_KIND, problems=refusal.problems, actor=actor, now=now)
        raise BankFileRefused(refusal.problems) from None


def preview_statement(content: bytes) -> AccountStatement:
    """What a file says, if it could be taken now; nothing is taken or kept. Raises BankFileRefused."""
    try:
        statement = read_camt053(content)
        _require_taken_next(statement)
    except Unreadable as refusal:
        raise BankFileRefused(refusal.problems) from None
    return statement


@transaction.atomic
def refuse_file(
    file: BankFile, *, kind: str, problems: tuple[Problem, ...], actor: str, now: datetime
) -> None:
    """Keep a file of which nothing was taken, with what was wrong. Audited."""
    keep_file(file, kind=kind, actor=actor, at=now, problems=problems)
    record_audit(
        actor=actor,
        action="bank_file.refuse",
        subject=f"bank_file:{file.pk}",
        detail={"sha256": bytes(file.sha256).hex(), "faults": [problem.fault for problem in problems][:20]},
    )


def require_new(file: BankFile) -> None:
    """Raise Unreadable for bytes that were taken before."""
    if BankFile.objects.filter(sha256=file.sha256, problems=[]).exists():
        raise Unreadable(Problem(0, "file", Fault.DUPLICATE))


@transaction.atomic
def _take(read: AccountStatement, file: BankFile, actor: str, now: datetime) -> BankStatement:
    lock_bank()
    require_new(file)
    previous = _require_taken_next(read)
    keep_file(file, kind=_KIND, actor=actor, at=now)
    amounts = [line.signed_fen for line in read.lines]
    statement = BankStatement.objects.create(
        number=read.number,
        file=file,
        previous=previous,
        day=read.day,
        opening_fen=read.opening_fen,
        closing_fen=read.closing_fen,
        credit_fen=sum(amount for amount in amounts if amount > 0),
        debit_fen=-sum(amount for amount in amounts if amount < 0),
        count=len(amounts),
    )
    entries = book_lines(statement, read.lines, actor=actor)
    check_reserve(day=statement.day, actor=actor, now=now)
    record_audit(
        actor=actor,
        action="bank_statement.import",
        subject=f"bank_statement:{statement.number}",
        detail={"sha256": bytes(file.sha256).hex(), "lines": Counter(entry.what for entry in entries)},
    )
    return statement


def _require_taken_next(read: AccountStatement) -> BankStatement | None:
    """The statement that this one follows. Raises Unreadable for another account, a duplicate or a gap."""
    problems = []
    if read.account != settings.RESERVE_ACCOUNT_NUMBER:
        problems.append(Problem(0, "Acct/Id", Fault.WRONG_ACCOUNT))
    if BankStatement.objects.filter(number=read.number).exists():
        problems.append(Problem(0, "Stmt/Id", Fault.DUPLICATE))
    previous = last_statement()
    if read.opening_fen != (previous.closing_fen if previous else 0):
        problems.append(Problem(0, "Bal/OPBD", Fault.GAP))
    if previous and read.day < previous.day:
        problems.append(Problem(0, "Bal/CLBD/Dt", Fault.DATE))
    for line in read.lines:
        if line.booked_on > read.day or (previous and line.booked_on < previous.day):
            problems.append(Problem(line.line, "Ntry/BookgDt", Fault.DATE))
    if problems:
        raise Unreadable(*problems)
    return previous
