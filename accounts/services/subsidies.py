"""Subsidies: a payer's file is checked row by row and taken whole or not at all; a second person lets it go to the cards.

An amount goes to the card's account purse where it has one, else it waits as a paid top-up for the chip. Everything is
set-wise: the number of queries does not grow with the file.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import locks
from accounts.errors import IllegalBatchTransition, SubsidyFileRefused
from accounts.models import (
    Chart,
    LedgerAccount,
    SubsidyBatch,
    SubsidyFunds,
    SubsidyLine,
)
from accounts.services import postings
from accounts.services.ledger import open_account, post_journal
from accounts.services.subsidy_check import Checked, Line, check_subsidy_file, unpayable
from accounts.services.subsidy_file import Header, read_subsidy_file
from citizencard.core.audit import record_audit
from citizencard.core.errors import Conflict, InvalidField, MakerIsChecker
from citizencard.core.states import step_to

State = SubsidyBatch.State
_PAYER: Final = re.compile(r"[A-Za-z0-9-]{1,30}")
# A paid top-up per line, its number made of batch and row; one for an account purse is credited at once.
_ORDER_ALL: Final = """
WITH made AS (
    INSERT INTO accounts_topuporder (number, card_id, purse_id, amount_fen, channel, party, state, actor, occurred_at,
        paid_at, confirmed_at, proof)
    SELECT 'SB' || lpad(line.batch_id::text, 8, '0') || lpad(line.row::text, 6, '0'), purse.card_id, purse.id,
        line.amount_fen, 'subsidy', %(payer)s, CASE purse.kind WHEN 'account' THEN 'confirmed' ELSE 'paid' END, %(actor)s,
        %(occurred)s, %(now)s, CASE purse.kind WHEN 'account' THEN %(now)s::timestamptz END,
        CASE purse.kind WHEN 'account' THEN 'account' ELSE '' END
    FROM accounts_subsidyline AS line JOIN accounts_purse AS purse ON purse.id = line.purse_id
    WHERE line.batch_id = %(batch)s
    RETURNING id, purse_id, amount_fen
)
SELECT made.id, made.amount_fen, CASE purse.kind WHEN 'account' THEN purse.account_id END
FROM made JOIN accounts_purse AS purse ON purse.id = made.purse_id
"""


@transaction.atomic
def open_subsidy_payer(*, code: str, name: str, actor: str) -> LedgerAccount:
    """The account 1231.<code> of an agency that pays subsidies. Raises InvalidField. Audited."""
    if not _PAYER.fullmatch(code):
        raise InvalidField("code", _("a payer's code has 1 to 30 letters, digits and hyphens"))
    account = open_account(chart=Chart.SUBSIDY_RECEIVABLE, owner=code, name=name)
    record_audit(actor=actor, action="subsidy.payer", subject=f"account:{account.code}")
    return account


def upload_subsidy_file(*, content: bytes, maker: str) -> SubsidyBatch:
    """Take a payer's file, to be approved by somebody else; the same file again is the same batch. Audited.

    Raises SubsidyFileRefused with every problem, Conflict (the batch number has been used for another file).
    """
    file = read_subsidy_file(content)
    if file.header is not None and (known := _known(file.header, file.sha256)):
        return known
    checked = check_subsidy_file(content)
    if checked.problems or file.header is None or checked.payer is None:
        raise SubsidyFileRefused(checked.problems)
    try:
        return _store(file.header, checked.payer, checked, maker)
    except IntegrityError:  # the same number came twice at once
        if known := _known(file.header, file.sha256):
            return known
        raise


@transaction.atomic
def approve_subsidy_batch(*, batch: SubsidyBatch, checker: str, occurred_at: datetime) -> SubsidyBatch:
    """Pay the batch out, all of it: into account purses at once, for chips as paid top-ups. Repeating changes nothing.

    Raises MakerIsChecker, IllegalBatchTransition (refused before), and SubsidyFileRefused when a row cannot be paid any
    more, e.g. because its card was lost since; then nothing moves. Audited.
    """
    batch = locks.lock_subsidy_batch(batch.pk)
    if batch.state == State.APPROVED:
        return batch
    with step_to(State.APPROVED, IllegalBatchTransition):
        batch.approve()
    _sign(batch, checker)
    locks.lock_subsidy_cards(batch.pk)
    lines = batch.lines.order_by("row").values_list("row", "purse_id", "amount_fen")
    if problems := unpayable([Line(*line) for line in lines]):
        raise SubsidyFileRefused(problems)
    post_journal(
        key=f"subsidy:{batch.number}",
        kind="subsidy_paid",
        actor=checker,
        source=batch.number,
        legs=postings.subsidy_paid(
            payer_id=batch.payer_id, grants=_order_all(batch, occurred_at), occurred_at=occurred_at
        ),
    )
    batch.save()
    _audit(batch, "subsidy.approve", checker)
    return batch


@transaction.atomic
def refuse_subsidy_batch(*, batch: SubsidyBatch, checker: str, reason: str) -> SubsidyBatch:
    """Send a batch back for good; its number stays used. Raises MakerIsChecker, IllegalBatchTransition. Audited."""
    batch = locks.lock_subsidy_batch(batch.pk)
    with step_to(State.REFUSED, IllegalBatchTransition):
        batch.refuse()
    _sign(batch, checker)
    batch.save()
    _audit(batch, "subsidy.refuse", checker, reason=reason)
    return batch


@transaction.atomic
def receive_subsidy_funds(
    *, payer: LedgerAccount, amount_fen: int, reference: str, actor: str, occurred_at: datetime
) -> SubsidyFunds:
    """The payer's money reached the bank, once per bank reference. Raises Conflict (reference with another amount). Audited."""
    funds, is_new = SubsidyFunds.objects.get_or_create(
        payer=payer,
        reference=reference,
        defaults={"amount_fen": amount_fen, "actor": actor, "occurred_at": occurred_at},
    )
    if funds.amount_fen != amount_fen:
        raise Conflict(what=reference)
    if is_new:
        post_journal(
            key=f"subsidy-funds:{funds.pk}",
            kind="funds_received",
            actor=actor,
            source=reference,
            legs=postings.subsidy_funded(funds=funds),
        )
        record_audit(
            actor=actor,
            action="subsidy.funds",
            subject=f"account:{payer.code}",
            detail={"reference": reference, "amount_fen": amount_fen},
        )
    return funds


def _known(header: Header, sha256: bytes) -> SubsidyBatch | None:
    """The batch of this number if it is this file. Raises Conflict if it is another."""
    batch = SubsidyBatch.objects.filter(number=header.number).first()
    if batch is not None and bytes(batch.sha256) != sha256:
        raise Conflict(what=header.number)
    return batch


@transaction.atomic
def _store(header: Header, payer: LedgerAccount, checked: Checked, maker: str) -> SubsidyBatch:
    batch = SubsidyBatch.objects.create(
        number=header.number,
        payer=payer,
        title=header.title,
        count=header.count,
        total_fen=header.total_fen,
        sha256=checked.file.sha256,
        maker=maker,
    )
    SubsidyLine.objects.bulk_create(
        SubsidyLine(batch=batch, row=row, purse_id=purse_id, amount_fen=fen)
        for row, purse_id, fen in checked.lines
    )
    _audit(batch, "subsidy.upload", maker, sha256=checked.file.sha256.hex())
    return batch


def _sign(batch: SubsidyBatch, checker: str) -> None:
    """A second person's word on a locked batch; the caller saves it. Raises MakerIsChecker."""
    if checker == batch.maker:
        raise MakerIsChecker
    batch.checker, batch.checked_at = checker, timezone.now()


def _order_all(batch: SubsidyBatch, occurred_at: datetime) -> list[postings.Grant]:
    """The top-ups of all lines."""
    with connection.cursor() as cursor:
        cursor.execute(
            _ORDER_ALL,
            {
                "batch": batch.pk,
                "payer": batch.payer.code.partition(".")[2],
                "actor": batch.checker,
                "occurred": occurred_at,
                "now": batch.checked_at,
            },
        )
        return [postings.Grant(*row) for row in cursor.fetchall()]


def _audit(batch: SubsidyBatch, action: str, actor: str, **detail: str) -> None:
    record_audit(
        actor=actor,
        action=action,
        subject=f"subsidy:{batch.number}",
        detail={"total_fen": batch.total_fen, "count": batch.count, **detail},
    )
