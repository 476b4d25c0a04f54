"""What the clock decides, every night: nobody waits longer than was promised, and who has no evidence does not charge."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from accounts.services.disputed_charges import collect_credit, credits_to_collect
from citizencard.core.calendar import shanghai
from citizencard.core.errors import CitizenCardError
from settlement.locks import lock_dispute
from settlement.models import Dispute, DisputeDecision
from settlement.selectors.disputes import overdue
from settlement.services.disputes.deciding import CLOCK, close_unappealed, grant_by_clock

logger = logging.getLogger(__name__)
State, Rule, Bearer = Dispute.State, DisputeDecision.Rule, DisputeDecision.Bearer


@dataclass(frozen=True, slots=True)
class Settled:
    """How many disputes were granted and closed by their clock, and how many fen of credits came back; `failed` could not be."""

    granted: int
    closed: int
    collected_fen: int
    failed: int


def settle_due(*, now: datetime) -> Settled:
    """Take the step of every dispute whose day is over, and collect credits that are owed. Each in a transaction of its own, so
    that one that cannot be settled keeps no other waiting; again changes nothing.
    """
    ended: list[str] = []
    for dispute in overdue(shanghai(now).date()):
        try:
            ended.append(_settle(dispute, now))
        except CitizenCardError as error:
            logger.error("dispute %s cannot be settled: %s", dispute.number, error)
            ended.append("failed")
    collected_fen = 0
    for charge in credits_to_collect():
        collected_fen += collect_credit(charge=charge, actor=CLOCK, occurred_at=now)
    return Settled(
        ended.count(State.GRANTED), ended.count(State.CLOSED), collected_fen, ended.count("failed")
    )


@transaction.atomic
def _settle(dispute: Dispute, now: datetime) -> str:
    """The step of one dispute; where it has been taken meanwhile, none."""
    current = lock_dispute(dispute.pk)
    if current.due_on is None or current.due_on >= shanghai(now).date():
        return ""
    match State(current.state):
        case State.REFUSED:
            close_unappealed(current, now)
        case State.ASKED if current.merchant_id is not None:
            grant_by_clock(current, Rule.NO_EVIDENCE, Bearer.MERCHANT, now)
        case State.OPENED | State.ASKED:  # nobody was asked, or there is nobody to ask: our own fault
            grant_by_clock(current, Rule.NO_EVIDENCE, Bearer.CENTRE, now)
        case _:
            grant_by_clock(current, Rule.NOT_DECIDED, Bearer.CENTRE, now)
    return str(current.state)
