"""T5b: clones, replays and forgeries planted among honest taps: all of them are found, and nothing else is.

`SIMULATE_TAPS=1000000 SIMULATE_CITIZENS=50000` asks for the full size.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import pytest

from citizencard.simulator.faults import Fault
from citizencard.simulator.run import Run
from citizencard.simulator.uploads import Form
from citizencard.simulator.verdicts import VERDICTS

pytestmark = pytest.mark.django_db

TAPS = int(os.environ.get("SIMULATE_TAPS", "2500"))
CITIZENS = int(os.environ.get("SIMULATE_CITIZENS", "300"))
PLANTED = "cloned=0.01,rollback=0.01,routes=0.05,repeated=0.01,forged=0.01,altered=0.01,unknown=0.005"
CONFLICT, DUPLICATE, BAD_TAC, UNKNOWN = (
    VERDICTS.index(word) for word in ("counter_conflict", "duplicate", "bad_tac", "unknown_card")
)


def test_every_planted_record_is_found_and_no_honest_one_is_accused(
    make_run: Callable[..., Run], record_property: Callable[[str, object], None]
) -> None:
    outcome = make_run(citizens=CITIZENS, days=3, seed=20261121, taps=TAPS, faults=PLANTED).play()
    plan, found = outcome.plan, outcome.check.verdict
    lines, taps = plan.traffic.lines, plan.taps
    copied = np.isin(taps.fault, (Fault.CLONED, Fault.ROLLBACK))
    counter = taps.card * 0x1_0000 + taps.atc
    twice = np.isin(counter, counter[copied])[lines.tap] & (lines.form == Form.TRUE)
    forged = np.isin(lines.form, (Form.FORGED, Form.ALTERED))
    once = np.bincount(lines.tap[lines.form == Form.TRUE], minlength=len(taps)) == 1
    honest = (lines.form == Form.TRUE) & ~twice & once[lines.tap]
    # Recall: each counter used twice is noticed once, each copy of a record, each forgery, each stranger.
    assert (found[twice] == CONFLICT).sum() == copied.sum() > TAPS / 100
    assert (found == DUPLICATE).sum() == (plan.verdict == DUPLICATE).sum() > TAPS / 100
    assert (found[forged] == BAD_TAC).all()
    assert (found[lines.form == Form.UNKNOWN] == UNKNOWN).all()
    # False alarms: every honest record is simply accepted.
    assert (found[honest] == VERDICTS.index("accepted")).all()
    assert honest.sum() > 0.9 * TAPS
    assert outcome.clean
    # Where the copy arrived first, the chip's own balances do not follow from it, and its time is too late.
    assert outcome.check.reported is not None
    kinds = {told[0] for told in outcome.check.reported.cards}
    assert kinds == {"conflict", "duplicate", "break", "rollback"}
    record_property(
        "counted",
        f"planted: {copied.sum():,} copied chips, {(found == DUPLICATE).sum():,} replays, {forged.sum():,} forgeries "
        f"among {honest.sum():,} honest records: all found, none accused",
    )
