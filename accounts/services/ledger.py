"""Posting to the ledger: the one way money moves.

A posting is one SQL statement however many legs it has, a transaction of its own where the caller has none. The database
enforces the rest: amounts are positive, sealed days and closed accounts refuse, purses keep floor and ceiling, nothing is
ever changed or removed.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.errors import (
    AccountNotOpen,
    BusinessDayClosed,
    InvalidLeg,
    PurseCeilingReached,
    PurseFloorReached,
)
from accounts.locks import lock_account
from accounts.models import Chart, Journal, LedgerAccount, Transfer
from accounts.services.drawer_entries import COUNTER_KINDS, drawer_of
from citizencard.core.audit import record_audit
from citizencard.core.calendar import NoOpenBusinessDay
from citizencard.core.errors import Conflict
from citizencard.core.prepared import fetch_one

_POST_TRANSFER: Final = """
SELECT journal_id, day, at, posted_digest, is_new FROM accounts_post_transfer(
    %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::smallint, %s, %s)
"""
_POST_JOURNAL: Final = """
SELECT journal_id, day, at, posted_digest, is_new FROM accounts_post_journal(
    %s, %s, %s, %s, %s, %s, %s, %s,
    %b::bigint[], %b::bigint[], %b::bigint[], %b::smallint[], %b::bigint[], %b::timestamptz[])
"""
_UNIQUE_VIOLATION: Final = "23505"
_LEG: Final = struct.Struct(">6q")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
AMOUNT_MAX_FEN: Final = 10**15
"""More than a city's whole money; sums of such amounts stay far from the database's largest integer."""
_PURSES: Final = (Chart.PURSE_REAL_NAME, Chart.PURSE_ANONYMOUS, Chart.PURSE_ACCOUNT)


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
        if type(self.amount_fen) is not int or not 0 < self.amount_fen <= AMOUNT_MAX_FEN:
            raise InvalidLeg(reason=_("the amount is no positive number of fen"))
        if self.debit_id == self.credit_id:
            raise InvalidLeg(reason=_("debit and credit are the same account"))
        if self.occurred_at.tzinfo is None:
            raise InvalidLeg(reason=_("the time has no zone"))

    def as_tuple(self) -> tuple[int, int, int, int, int, datetime]:
        """The values in the order in which they are posted."""
        return (self.debit_id, self.credit_id, self.amount_fen, self.kind, self.source_id, self.occurred_at)


def open_account(*, chart: str, owner: str = "", name: str = "") -> LedgerAccount:
    """The account `<chart>` or `<chart>.<owner>`, opened if it is not there yet. Raises ValueError off the chart."""
    place = Chart(chart)
    code = f"{place.value}.{owner}" if owner else place.value
    found = LedgerAccount.objects.filter(code=code).first()
    if found is not None:
        return found
    control = open_account(chart=place) if owner and place in _PURSES else None
    values = {"chart": place.value, "side": place.normal_side, "name": name, "control": control}
    return LedgerAccount.objects.get_or_create(code=code, defaults=values)[0]


def post_journal(
    *,
    key: str,
    kind: str,
    actor: str,
    source: str,
    legs: Sequence[Leg],
    reason: str = "",
    business_date: date | None = None,
    reverses: Journal | None = None,
) -> Journal:
    """Post all legs as one journal, once per `key`: a repeat returns the first journal and moves nothing.

    One round trip. The open business day is taken when none is given. Cash goes through the actor's open drawer, see
    :mod:`.drawer_entries`. Raises Conflict (key used for other legs), PurseFloorReached, PurseCeilingReached,
    AccountNotOpen, BusinessDayClosed, NoOpenBusinessDay, DrawerNotOpen and InvalidLeg; then nothing is posted.
    """
    if not legs:
        raise InvalidLeg(reason=_("a journal needs at least one transfer"))
    header = (key, kind, actor, reason, source, _digest(kind, source, legs))
    if not COUNTER_KINDS.isdisjoint(leg.kind for leg in legs):
        with transaction.atomic():
            drawer = drawer_of(
                actor=actor, moves=[(leg.debit_id, leg.credit_id, leg.amount_fen) for leg in legs]
            )
            journal, is_new = _post(header, legs, business_date, reverses)
            if is_new and drawer:
                drawer.book(journal)
            return journal
    return _post(header, legs, business_date, reverses)[0]


def _post(
    header: tuple[str, str, str, str, str, bytes],
    legs: Sequence[Leg],
    business_date: date | None,
    reverses: Journal | None,
) -> tuple[Journal, bool]:
    """The journal, and whether it is a new one. Raises what `post_journal` raises."""
    key, kind, actor, reason, source, digest = header
    reverses_id = None if reverses is None else reverses.pk
    query, moved = _statement(legs)
    values = (*header, reverses_id, business_date, *moved)
    journal_id, day, posted_at, posted_digest, is_new = call_ledger(query, values, business_date)
    if not is_new:
        if bytes(posted_digest or b"") != digest:
            raise Conflict(what=f"journal {key}")
        return Journal.objects.get(pk=journal_id), False
    journal = Journal(journal_id, key, kind, actor, reason, source, day, posted_at, digest, reverses_id)
    journal._state.adding = False
    return journal, True


def call_ledger(query: str, values: Sequence[object], business_date: date | None = None) -> tuple[Any, ...]:
    """The row of a statement that posts; what the database refuses of it as the typed errors of `post_journal`.

    On its own the statement is its transaction; within one, a refusal leaves the caller's usable.
    """
    try:
        return fetch_one(query, values, shielded=True)
    except IntegrityError as error:
        raise _refusal(error, business_date) from error


@transaction.atomic
def reverse_journal(*, journal: Journal, actor: str, reason: str) -> Journal:
    """Post the opposite of a journal on the open day, once: a correction is a new journal. Audited.

    A batch of taps has no opposite (its taps are corrected one by one): Conflict. Raises Conflict for the reversal of a
    reversal, too, and whatever `post_journal` raises.
    """
    if journal.digest is None or journal.reverses_id is not None:
        raise Conflict(what=f"journal {journal.key}")
    posted = Transfer.objects.filter(business_date=journal.business_date, journal_id=journal.pk).order_by(
        "id"
    )
    legs = [
        Leg(
            debit_id=transfer.credit_id,
            credit_id=transfer.debit_id,
            amount_fen=transfer.amount_fen,
            kind=Transfer.Kind.CORRECTION,
            source_id=transfer.id,
            occurred_at=transfer.occurred_at,
        )
        for transfer in posted
    ]
    record_audit(
        actor=actor,
        action="journal.reverse",
        subject=f"journal:{journal.key}"[:100],
        detail={"reason": reason},
    )
    return post_journal(
        key=f"reversal:{journal.key}"[:120],
        kind="reversal",
        actor=actor,
        source=journal.source,
        legs=legs,
        reason=reason,
        reverses=journal,
    )


@transaction.atomic
def set_account_state(*, account: LedgerAccount, state: str, actor: str, reason: str) -> LedgerAccount:
    """Freeze, close or open an account: what is not open takes no transfer on either side. Audited."""
    current = lock_account(account.pk)
    before, current.state = current.state, LedgerAccount.State(state)
    current.save(update_fields=["state"])
    record_audit(
        actor=actor,
        action="ledger_account.state",
        subject=f"account:{current.code}",
        detail={"before": before, "after": current.state, "reason": reason},
    )
    return current


def _statement(legs: Sequence[Leg]) -> tuple[str, Sequence[object]]:
    """What posts the legs, and they as its values: one by itself, several as columns."""
    if len(legs) == 1:
        return _POST_TRANSFER, legs[0].as_tuple()
    return _POST_JOURNAL, [list(column) for column in zip(*(leg.as_tuple() for leg in legs), strict=True)]


def _digest(kind: str, source: str, legs: Sequence[Leg]) -> bytes:
    """SHA-256 over the event in canonical form; the order of legs does not matter, the day it was posted neither."""
    packed = sorted(
        _LEG.pack(*leg.as_tuple()[:5], (leg.occurred_at - _EPOCH) // _MICROSECOND) for leg in legs
    )
    return hashlib.sha256(b"".join([f"{kind}\0{source}\0".encode(), *packed])).digest()


def _refusal(error: IntegrityError, day: date | None) -> Exception:
    """The typed form of what the database refused; what is nobody's rule stays as it is."""
    diagnosis = getattr(error.__cause__, "diag", None)
    match getattr(diagnosis, "constraint_name", None):
        case "purse_floor":
            return PurseFloorReached()
        case "purse_ceiling":
            return PurseCeilingReached()
        case "business_day_open":
            return BusinessDayClosed(date=day)
        case "business_day_assigned":
            return NoOpenBusinessDay()
        case "ledger_account_open":
            return AccountNotOpen(account=str(getattr(diagnosis, "message_detail", "")))
    if getattr(diagnosis, "sqlstate", None) == _UNIQUE_VIOLATION:  # the journal's own key never gets here
        return Conflict(what="the source document")
    return error
