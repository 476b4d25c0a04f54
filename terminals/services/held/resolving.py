"""A decision is carried out: the money moves, and the resolution says why. In one journal however many there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from django.db import connection
from django.utils import timezone

from accounts.models import Chart
from accounts.services import postings
from accounts.services.ledger import Leg, post_journal
from terminals.models import HeldKind, HeldProposal, HeldResolution
from terminals.services.held.places import Back, find_places

AT_ONCE: Final = 5_000
_TURN: Final = 0x4865_6C64
"""Advisory lock ("Held"): whoever decides takes turns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is to become of a held purchase; names as in HeldResolution. `grounds` are what it was judged by."""

    tap_id: int
    business_date: date
    outcome: int
    occurred_at: datetime
    amount_fen: int
    payable_id: int
    party: str
    rule: str
    paid_fen: int
    grounds: dict[str, Any] = field(default_factory=dict)

    @property
    def goes_back(self) -> bool:
        """Whether something of it is not the holder's to bear."""
        return self.party != HeldResolution.Party.HOLDER

    def resolution(self, journal_id: int | None, returned_to_id: int | None) -> HeldResolution:
        """The row that keeps it."""
        values = {name: getattr(self, name) for name in self.__slots__ if name != "grounds"}
        journal = journal_id if self.amount_fen else None
        return HeldResolution(**values, **self.grounds, journal_id=journal, returned_to_id=returned_to_id)


def take_turn() -> None:
    """Until the transaction ends nobody else decides."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_TURN])


def resolve(decisions: Sequence[Decision], *, kind: str, actor: str, reason: str = "") -> int:
    """Carry out and keep decisions, all but those whose value has no place to go back to; how many were.

    The caller has its turn and a transaction. A fixed number of statements. Raises NoOpenBusinessDay.
    """
    places = find_places(
        [
            Back(each.tap_id, each.business_date, each.amount_fen - each.paid_fen)
            for each in decisions
            if each.goes_back
        ]
    )
    ready = [each for each in decisions if not each.goes_back or each.tap_id in places]
    if not ready:
        return 0
    journal_id = None
    if legs := _legs(ready, places):
        journal = post_journal(
            key=f"{kind.replace('_', '-')}:{ready[0].tap_id}",
            kind=kind,
            actor=actor,
            source=f"{len(ready)} held purchases",
            legs=legs,
            reason=reason,
        )
        journal_id = journal.pk
    HeldResolution.objects.bulk_create(each.resolution(journal_id, places.get(each.tap_id)) for each in ready)
    lapse(HeldKind.PURCHASE, [each.tap_id for each in ready])
    return len(ready)


def lapse(what: HeldKind, subjects: Sequence[int]) -> None:
    """What somebody had proposed for them and nobody approved is over."""
    proposals = HeldProposal.objects.filter(
        what=what, subject_id__in=subjects, state=HeldProposal.State.PROPOSED
    )
    proposals.update(state=HeldProposal.State.LAPSED, checked_at=timezone.now())


def _legs(decisions: Sequence[Decision], places: dict[int, int]) -> list[Leg]:
    held_id, write_off_id = map(postings.account_id, (Chart.SUSPENSE_PAYABLE, Chart.WRITE_OFF))
    legs: list[Leg] = []
    for each in decisions:
        tap: dict[str, Any] = {"tap_id": each.tap_id, "occurred_at": each.occurred_at}
        back_fen = each.amount_fen - each.paid_fen
        if each.paid_fen:
            legs += postings.held_purchase_paid(
                held_id=held_id, payable_id=each.payable_id, amount_fen=each.paid_fen, **tap
            )
        if back_fen:
            legs += postings.held_purchase_returned(
                held_id=held_id, returned_to_id=places[each.tap_id], amount_fen=back_fen, **tap
            )
        if back_fen and each.party == HeldResolution.Party.CENTRE:
            legs += postings.loss_borne(
                write_off_id=write_off_id, payable_id=each.payable_id, amount_fen=back_fen, **tap
            )
    return legs
