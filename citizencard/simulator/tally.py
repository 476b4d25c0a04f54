"""What was injected and what the centre noticed of it, kind by kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from citizencard.simulator.chance import Flags, Ints
from citizencard.simulator.check import CARD_LOSSES, Check
from citizencard.simulator.delivery import Delivery
from citizencard.simulator.faults import Fault
from citizencard.simulator.taps import Taps
from citizencard.simulator.uploads import Form
from citizencard.simulator.verdicts import BAD_TAC, CONFLICT, DUPLICATE, HOT_LISTED, ILLEGAL, UNKNOWN

SIGNS: Final = {
    Fault.LOST: "gap",
    Fault.TORN: "gap",
    Fault.PULLED: "gap",
    Fault.CLOCK: "future, gap",
    Fault.CLONED: "counter_conflict",
    Fault.ROLLBACK: "counter_conflict",
    Fault.HOT: "hot_listed",
    Fault.LATE: "as on time",
    Fault.REORDERED: "as in order",
    Fault.SPLIT: "as in one",
    Fault.REPEATED: "duplicate",
    Fault.ROUTES: "duplicate",
    Fault.AGAIN: "same answer",
    Fault.FORGED: "bad_tac",
    Fault.ALTERED: "bad_tac",
    Fault.UNKNOWN: "unknown_card",
    Fault.ILLEGAL: "illegal_data",
    Fault.HEADER: "batch refused",
    Fault.STRANGER: "401",
}
"""By what each is noticed."""
_FORMS: Final = {
    Fault.FORGED: (Form.FORGED, BAD_TAC),
    Fault.ALTERED: (Form.ALTERED, BAD_TAC),
    Fault.UNKNOWN: (Form.UNKNOWN, UNKNOWN),
    Fault.ILLEGAL: (Form.ILLEGAL, ILLEGAL),
}
_OF_UPLOADS: Final = (Fault.LATE, Fault.REORDERED, Fault.SPLIT)


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of fault: how many signs of it there must be, and how many there are."""

    fault: Fault
    expected: int
    found: int


def tally(check: Check, delivery: Delivery) -> list[Row]:
    """A row for each kind of fault that was asked for."""
    wanted = check.world.plan.wish.faults
    return [row for row in _rows(check, delivery) if wanted.get(row.fault, 0) > 0]


def _rows(check: Check, delivery: Delivery) -> Iterator[Row]:
    plan = check.world.plan
    taps, lines, found = plan.taps, plan.traffic.lines, check.verdict
    yield from _gaps(check, taps)
    conflicts = lines.tap[found == CONFLICT]
    for fault in (Fault.CLONED, Fault.ROLLBACK):
        yield Row(fault, int((taps.fault == fault).sum()), len(_same_counter(taps, fault, conflicts)))
    hot = np.unique(lines.tap[found == HOT_LISTED])
    yield Row(Fault.HOT, int((taps.fault == Fault.HOT).sum()), int((taps.fault[hot] == Fault.HOT).sum()))
    right = np.ones(len(plan.traffic.uploads), np.bool_)
    right[lines.upload[found != plan.verdict]] = False
    for fault in _OF_UPLOADS:
        having = _having(check, fault)
        yield Row(fault, int(having.sum()), int((having & right).sum()))
    yield from _duplicates(check)
    for fault, (form, verdict) in _FORMS.items():
        of_form = lines.form == form
        yield Row(fault, int(of_form.sum()), int((found[of_form] == verdict).sum()))
    once = _having(check, Fault.AGAIN), _having(check, Fault.HEADER)
    yield Row(Fault.AGAIN, int(once[0].sum()), delivery.found[Fault.AGAIN])
    yield Row(Fault.HEADER, int(once[1].sum()), delivery.found[Fault.HEADER])
    yield Row(Fault.STRANGER, len(plan.traffic.strangers), delivery.found[Fault.STRANGER])


def _gaps(check: Check, taps: Taps) -> Iterator[Row]:
    """A tap is missed where its counters are: the terminal's, and the card's if that has counted."""
    for fault in (*CARD_LOSSES, Fault.PULLED):
        chosen = taps.only(np.flatnonzero(taps.fault == fault))
        places = zip(
            chosen.card.tolist(),
            chosen.atc.tolist(),
            chosen.device.tolist(),
            chosen.seq.tolist(),
            strict=True,
        )
        missed = sum(
            (device, seq) in check.sequence_gaps and (fault is Fault.PULLED or (card, atc) in check.card_gaps)
            for card, atc, device, seq in places
        )
        yield Row(fault, len(chosen), missed)


def _same_counter(taps: Taps, fault: Fault, conflicts: Ints) -> set[tuple[int, int]]:
    """Counters used twice by a copied chip, of which one use was noticed."""
    copies = np.flatnonzero(taps.fault == fault)
    copied = set(zip(taps.card[copies].tolist(), taps.atc[copies].tolist(), strict=True))
    return copied & set(zip(taps.card[conflicts].tolist(), taps.atc[conflicts].tolist(), strict=True))


def _duplicates(check: Check) -> Iterator[Row]:
    """A second copy from the depot's PC, and the others."""
    plan = check.world.plan
    lines = plan.traffic.lines
    other_route = np.array([upload.number.endswith("-pc") for upload in plan.traffic.uploads], np.bool_)
    routed = np.zeros(len(plan.taps), np.int64)
    routed[lines.tap[other_route[lines.upload]]] = 1
    expected = _copies(plan.verdict == DUPLICATE, lines.tap, len(routed))
    found = _copies(check.verdict == DUPLICATE, lines.tap, len(routed))
    by_route = np.minimum(found, routed)
    yield Row(
        Fault.REPEATED, int((expected - np.minimum(expected, routed)).sum()), int((found - by_route).sum())
    )
    yield Row(Fault.ROUTES, int(np.minimum(expected, routed).sum()), int(by_route.sum()))


def _copies(duplicate: Flags, tap: Ints, taps: int) -> Ints:
    return np.bincount(tap[duplicate], minlength=taps).astype(np.int64)


def _having(check: Check, fault: Fault) -> Flags:
    uploads = check.world.plan.traffic.uploads
    return np.array([fault in upload.faults for upload in uploads], np.bool_)
