"""Posting to the ledger: the one way money moves.

A posting is one SQL statement however many legs it has. The database enforces the rest: amounts are positive, closed days
refuse, purses keep their floor, nothing is ever changed or removed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import UTC, date, datetime
from typing import Final

from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts.errors import BusinessDayClosed, InvalidLeg, PurseFloorReached
from accounts.models import Chart, Journal, LedgerAccount
from citizencard.core.calendar import assign_business_date
from citizencard.core.errors import Conflict

_POST: Final = """
WITH journal AS (
    INSERT INTO accounts_journal (key, kind, actor, reason, source, business_date, posted_at, digest)
    VALUES (%(key)s, %(kind)s, %(actor)s, %(reason)s, %(source)s, %(business_date)s, %(posted_at)s, %(digest)s)
    ON CONFLICT (key) DO NOTHING
    RETURNING id
), transfer AS (
    INSERT INTO accounts_transfer
        (business_date, journal_id, debit_id, credit_id, amount_fen, kind, source_id, occurred_at)
    SELECT %(business_date)s, journal.id, leg.* FROM journal, unnest(
        %(debit)s::bigint[], %(credit)s::bigint[], %(amount)s::bigint[],
        %(leg_kind)s::smallint[], %(source_id)s::bigint[], %(occurred_at)s::timestamptz[]) AS leg
)
SELECT id FROM journal
"""
_UNIQUE_VIOLATION: Final = "23505"


@dataclass(frozen=True, slots=True)
class Leg:
    """One transfer to be: `amount_fen` from the credit account to the debit account.

    `kind` is a Transfer.Kind; `source_id` the tap, order, card or statement behind it; `occurred_at` the device's time.
    """

    debit_id: int
    credit_id: int
    amount_fen: int
    kind: int
    source_id: int
    occurred_at: datetime

    def __post_init__(self) -> None:
        if self.amount_fen <= 0:
            raise InvalidLeg(reason="the amount is not positive")
        if self.debit_id == self.credit_id:
            raise InvalidLeg(reason="debit and credit are the same account")
        if self.occurred_at.tzinfo is None:
            raise InvalidLeg(reason="the time has no zone")


def open_account(*, chart: str, owner: str = "", name: str = "") -> LedgerAccount:
    """The account `<chart>` or `<chart>.<owner>`, opened if it is not there yet. Raises ValueError off the chart."""
    place = Chart(chart)
    code = f"{place.value}.{owner}" if owner else place.value
    account, _ = LedgerAccount.objects.get_or_create(
        code=code, defaults={"chart": place.value, "side": place.normal_side, "name": name}
    )
    return account


@transaction.atomic
def post_journal(
    *,
    key: str,
    kind: str,
    actor: str,
    source: str,
    legs: Sequence[Leg],
    reason: str = "",
    business_date: date | None = None,
) -> Journal:
    """Post all legs as one journal, once per `key`: a repeat returns the first journal and moves nothing.

    The open business day is taken when none is given. Raises Conflict (key used for other legs), PurseFloorReached,
    BusinessDayClosed, NoOpenBusinessDay and InvalidLeg; then nothing is posted.
    """
    if not legs:
        raise InvalidLeg(reason="a journal needs at least one transfer")
    day = business_date or assign_business_date()
    journal = Journal(
        key=key,
        kind=kind,
        actor=actor,
        reason=reason,
        source=source,
        business_date=day,
        posted_at=timezone.now(),
        digest=_digest(kind, source, legs),
    )
    journal_id = _insert(journal, legs)
    if journal_id is None:
        return _posted_before(journal)
    journal.pk = journal_id
    journal._state.adding = False
    return journal


def _insert(journal: Journal, legs: Sequence[Leg]) -> int | None:
    """One round trip; None when the key is taken."""
    columns = [list(column) for column in zip(*(astuple(leg) for leg in legs), strict=True)]
    names = ("debit", "credit", "amount", "leg_kind", "source_id", "occurred_at")
    header = {field.attname: getattr(journal, field.attname) for field in Journal._meta.concrete_fields}
    try:
        with connection.cursor() as cursor:
            cursor.execute(_POST, header | dict(zip(names, columns, strict=True)))
            row = cursor.fetchone()
    except IntegrityError as error:
        raise _refusal(error, journal.business_date) from error
    return None if row is None else int(row[0])


def _posted_before(journal: Journal) -> Journal:
    first = Journal.objects.get(key=journal.key)
    if bytes(first.digest or b"") != journal.digest:
        raise Conflict(what=f"journal {journal.key}")
    return first


def _digest(kind: str, source: str, legs: Sequence[Leg]) -> bytes:
    """SHA-256 over the event in canonical form; the order of legs does not matter, the day it was posted neither."""
    lines = sorted([*astuple(leg)[:5], leg.occurred_at.astimezone(UTC).isoformat()] for leg in legs)
    return hashlib.sha256(json.dumps([kind, source, lines]).encode()).digest()


def _refusal(error: IntegrityError, day: date) -> Exception:
    """The typed form of what the database refused; what is nobody's rule stays as it is."""
    diagnosis = getattr(error.__cause__, "diag", None)
    if getattr(diagnosis, "constraint_name", None) == "purse_floor":
        return PurseFloorReached()
    if getattr(diagnosis, "sqlstate", None) == _UNIQUE_VIOLATION:  # the journal's own key never gets here
        return Conflict(what="the source document")
    if "is closed" in str(error):
        return BusinessDayClosed(date=day)
    return error
