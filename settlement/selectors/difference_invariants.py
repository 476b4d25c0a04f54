"""What must hold of reconciliation: nothing that the joins find is without its row, and no row ends without a cause."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from citizencard.core.invariants import Breach, breaches
from settlement.models import Reconciliation
from settlement.selectors.difference_queries import EXPLAINED, RECORDS, REFUSALS

FOUND_RULE: Final = "what a comparison finds is a difference on record"

_ROWLESS: Final = """
SELECT found.subject, format('%%s of %%s fen is on no record', found.kind, abs(ours_fen - theirs_fen)) FROM ({found}) AS found
WHERE NOT EXISTS (
    SELECT FROM settlement_difference AS known WHERE known.kind = found.kind AND known.subject = found.subject)
"""
# While uploads of the terminal wait for their comparison, more of a window may be here than was judged.
_WINDOWS: Final = """
SELECT format('total:%%s', told.total_id), format('%%s: %%s of %%s records, %%s of %%s fen, on no record', told.kind, here, told, here_fen, told_fen)
FROM settlement_totalcheck AS told JOIN settlement_reconciliation AS done USING (business_date)
WHERE told.kind IS NOT NULL AND told.received_at < done.counted_at
    AND NOT EXISTS (
        SELECT FROM terminals_batch AS batch WHERE batch.terminal_id = told.terminal_id AND batch.business_date >= told.business_date
            AND batch.business_date NOT IN (SELECT business_date FROM settlement_reconciliation))
    AND NOT EXISTS (SELECT FROM settlement_difference AS known WHERE known.subject = format('total:%%s', told.total_id))
"""
_UNEXPLAINED: Final = f"""
SELECT known.kind || ' ' || known.subject, 'nothing explains it' FROM settlement_difference AS known
WHERE known.state = 'explained' AND NOT {EXPLAINED}
"""  # noqa: S608  constants only
_HISTORY: Final = """
SELECT known.kind || ' ' || known.subject, format('is %%s, its last step says %%s', known.state, coalesce(last.state, 'nothing'))
FROM settlement_difference AS known LEFT JOIN LATERAL (
    SELECT step.state, step.count, step.ours_fen, step.theirs_fen FROM settlement_differencestep AS step
    WHERE step.difference_id = known.id ORDER BY step.id DESC LIMIT 1
) AS last ON true
WHERE (last.state, last.count, last.ours_fen, last.theirs_fen)
    IS DISTINCT FROM (known.state, known.count, known.ours_fen, known.theirs_fen)
"""
RULES: Final = {
    "a terminal's total that does not agree is a difference on record": _WINDOWS,
    "a difference explained has its explanation": _UNEXPLAINED,
    "the history of a difference ends as it stands": _HISTORY,
}
"""By name, as in `settlement.selectors.invariants`; `FOUND_RULE` beside them is asked date by date."""


def unrecorded() -> Iterator[Breach]:
    """What the joins find on dates compared that is no row."""
    queries = [(FOUND_RULE, _ROWLESS.format(found=query)) for query in (RECORDS, REFUSALS)]
    for day in Reconciliation.objects.order_by("pk").values_list("business_date", flat=True):
        yield from breaches(queries, {"day": day})
