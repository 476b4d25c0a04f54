"""What each record must come to, known before it is sent: by what was done to it and by the order of arrival."""

from __future__ import annotations

from typing import Final

import numpy as np

from citizencard.simulator.chance import Ints, is_first
from citizencard.simulator.faults import Fault
from citizencard.simulator.taps import Taps
from citizencard.simulator.uploads import Form, Lines

VERDICTS: Final = (
    "accepted", "hot_listed", "counter_conflict", "duplicate", "bad_tac", "unknown_card", "illegal_data", "future",
)  # fmt: skip
"""Codes as in `terminals.wire.reasons`; expected verdicts are positions in this list."""
ACCEPTED, HOT_LISTED, CONFLICT, DUPLICATE, BAD_TAC, UNKNOWN, ILLEGAL, FUTURE = range(len(VERDICTS))
TAPPED: Final = (ACCEPTED, HOT_LISTED, CONFLICT)
"""These are kept as taps, the others as refusals."""
PAID: Final = (ACCEPTED, HOT_LISTED)
"""These come out of the purse and use up the card's counter."""
_BY_FORM: Final = {
    Form.FORGED: BAD_TAC,
    Form.ALTERED: BAD_TAC,
    Form.UNKNOWN: UNKNOWN,
    Form.ILLEGAL: ILLEGAL,
}
_ATC_MAX: Final = 0x1_0000


def judge(taps: Taps, lines: Lines, clock: Ints, reported: Ints) -> Ints:
    """A verdict for each line. `clock` is each tap's time by its terminal, `reported` when each card was reported lost.

    Nothing of it is taken from the centre's code: one tap pays once, of two with one counter the first to arrive does.
    """
    verdict = np.full(len(lines), ACCEPTED, np.int64)
    genuine = (lines.form == Form.TRUE) & (taps.fault[lines.tap] != Fault.CLOCK)
    fresh = is_first(lines.tap, genuine)
    counter = taps.card[lines.tap] * _ATC_MAX + taps.atc[lines.tap]
    spends = is_first(counter, fresh)
    verdict[clock[lines.tap] >= reported[taps.card[lines.tap]]] = HOT_LISTED
    verdict[fresh & ~spends] = CONFLICT
    verdict[genuine & ~fresh] = DUPLICATE
    verdict[taps.fault[lines.tap] == Fault.CLOCK] = FUTURE
    for form, code in _BY_FORM.items():
        verdict[lines.form == form] = code
    return verdict
