"""Scenes of disputes: a charge is borne by its merchant, a credit is taken back and written off."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from settlement.models import Dispute
from settlement.services.disputes import appeal_dispute, approve_decision, decide_dispute
from tests.factories import NOON
from tests.settlement.disputes.cases import (
    BOSS,
    HOLDER,
    THIRD,
    Holder,
    answered,
    decided,
    holder,
    opened,
    publish_policies,
)

Event = Callable[[], object]


def dispute_borne(stage: object) -> Iterator[Event]:
    dispute = opened(_lin().pays())
    yield partial(
        decide_dispute, dispute=dispute, outcome="grant", bearer="merchant", actor=BOSS, reason="x", now=NOON
    )


def credit_taken_back(stage: object) -> Iterator[Event]:
    lin = _lin()
    dispute = _appealed(lin)
    yield partial(decide_dispute, dispute=dispute, outcome="refuse", actor=THIRD, reason="x", now=NOON)


def credit_written_off(stage: object) -> Iterator[Event]:
    lin = _lin()
    dispute = _appealed(lin)
    lin.pays(lin.online_fen, "all")
    decided(dispute, "refuse", THIRD)
    yield partial(approve_decision, decision=decided(dispute, "write_off", BOSS), actor=THIRD, now=NOON)


def _lin() -> Holder:
    publish_policies("not_given")
    return holder()


def _appealed(lin: Holder) -> Dispute:
    dispute = answered(opened(lin.pays()))
    decided(dispute)
    return appeal_dispute(dispute=dispute, words="再看", actor=HOLDER, now=NOON)


SCENES = (dispute_borne, credit_taken_back, credit_written_off)
