"""Days drawn by lot with differences planted: all of them are found, nothing else is, and each ends by its cure."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Card
from citizencard.core.calendar import cut_off, seal
from settlement.models import Difference
from settlement.selectors.difference_invariants import RULES, unrecorded
from settlement.selectors.invariants import broken
from settlement.services.reconciling import reconcile_due_days
from tests.settlement.reconciliation.street import DAY, NEXT, tell, upload
from tests.terminals.field import Field

pytestmark = pytest.mark.django_db
FATES = st.lists(
    st.sampled_from(["right", "right", "lost", "bad_tac", "twice", "unfinished"]), min_size=1, max_size=9
)
CURES = ("lost", "bad_tac")


def compared(day: date) -> Counter[tuple[str, str]]:
    cut_off(day)
    seal(day)
    reconcile_due_days()
    return Counter(Difference.objects.values_list("kind", "state"))


def expected(fates: list[str], extra_fen: int) -> Counter[tuple[str, str]]:
    """What such a day comes to, told otherwise than by the joins: by what was done to each record."""
    found = Counter({("bad_tac", "open"): fates.count("bad_tac")})
    if "twice" in fates:
        found["duplicate", "explained"] = 1
    if "lost" in fates:
        found["missing_upload", "open"] = 1
    elif extra_fen:
        found["amount_differs", "open"] = 1
    return +found


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fates=FATES, extra_fen=st.sampled_from([0, 0, 30]), told_late=st.booleans())
def test_what_is_planted_is_found_and_nothing_else(
    field: Field, card: Card, fates: list[str], extra_fen: int, told_late: bool
) -> None:
    saved = transaction.savepoint()
    records = [field.tap(card, atc, 100 + atc) for atc in range(len(fates))]
    by_fate = {
        fate: [record for record, its in zip(records, fates, strict=True) if its == fate]
        for fate in set(fates)
    }
    wrong = [replace(record, tac="00000000") for record in by_fate.get("bad_tac", [])]
    came = [record for record, fate in zip(records, fates, strict=True) if fate in ("right", "twice")]
    upload(field, "B1", *came, *wrong, *by_fate.get("twice", []))
    unfinished = [record.terminal_seq for record in by_fate.get("unfinished", [])]
    finished = [record for record in records if record.terminal_seq not in unfinished]
    extra_fen = extra_fen if finished else 0  # of nothing nothing more can be told
    if not told_late:
        tell(field, finished, extra_fen=extra_fen, unfinished=unfinished)
    found = compared(DAY)
    if told_late:
        tell(field, finished, extra_fen=extra_fen, unfinished=unfinished)
        reconcile_due_days()
        found = Counter(Difference.objects.values_list("kind", "state"))
    assert found == expected(fates, extra_fen)
    if lost := by_fate.get("lost"):
        difference = Difference.objects.get(kind="missing_upload")
        assert (difference.count, difference.amount_fen) == (
            len(lost), sum(record.amount_fen for record in lost) + extra_fen,
        )  # fmt: skip
    cured = [record for fate in CURES for record in by_fate.get(fate, [])]
    upload(field, "B2", *cured, *by_fate.get("unfinished", []))
    after = compared(NEXT)
    standing = {kind for kind, state in after if state == "open"}
    assert standing == ({"amount_differs"} if extra_fen else set())
    assert not set(RULES) & {breach.invariant for breach in broken()}
    assert list(unrecorded()) == []
    transaction.savepoint_rollback(saved)
