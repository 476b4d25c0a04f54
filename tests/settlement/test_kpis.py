"""Each key figure over data made by hand, at the edges of the month."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from uuid import uuid4

from django.utils import translation

from accounts.models import Card, Citizen, Refund, TopUpDifference
from citizencard.core.calendar import SHANGHAI
from settlement.models import ClearingRun
from settlement.selectors.reports.kpis import kpi_report, measured
from settlement.selectors.reports.scope import Scope
from terminals.models import Batch, HotListAppeal, HotListChange, HotListVersion, Terminal
from tests.settlement.month import FIRST, LAST, MONTH, reconcile, traded_month
from tests.settlement.test_proving import as_superuser

IN = datetime(2026, 11, 30, 23, 30, tzinfo=SHANGHAI)
"""Still November on the city's clocks."""
AFTER = IN + timedelta(hours=1)
BEFORE = datetime(2026, 10, 31, 23, 30, tzinfo=SHANGHAI)


def citizens() -> None:
    """Four on record; two of them hold an active card, a third has lost his."""
    people = Citizen.objects.bulk_create(
        Citizen(id=uuid4(), name_sealed=b"") for _ in range(4)
    )  # fmt: skip
    product = Card.objects.earliest("pk").product
    for number, (person, state) in enumerate(((0, "active"), (1, "active"), (2, "lost"))):
        Card.objects.create(
            pan=f"310439700000000{number:04}", product=product, citizen=people[person], state=state,
            valid_from=MONTH, valid_to=date(2036, 11, 1),
        )  # fmt: skip


def refunds() -> None:
    """Paid in time after 30 hours, paid late after 50; one of the month after, one not paid."""
    card = Card.objects.earliest("pk")
    for number, (paid_at, hours, promised_by) in enumerate(
        ((IN, 30, LAST), (IN, 50, FIRST), (AFTER, 10, date(2026, 12, 9)), (None, 0, LAST))
    ):
        amounts = dict.fromkeys(
            (
                "balance_fen",
                "price_fen",
                "deposit_fen",
                "damage_fen",
                "fee_fen",
                "interest_fen",
                "payable_fen",
            ),
            0,
        )
        Refund.objects.create(
            number=f"R{number}", card_id=card.pk + number, policy_id=1, card_state="active", requested_by="a",
            requested_at=(paid_at or IN) - timedelta(hours=hours), due_on=FIRST, promised_by=promised_by,
            decided_by="b", decided_at=IN, paid_at=paid_at, state="paid" if paid_at else "approved", **amounts,
        )  # fmt: skip


def hot_list() -> None:
    """Published within the minute, within an hour; one of the month before, one waiting."""
    for version, (recorded_at, minutes) in enumerate(((IN, 1), (IN, 60), (BEFORE, 1)), start=1):
        published = recorded_at + timedelta(minutes=minutes)
        listed = HotListVersion.objects.create(
            version=version, published_at=published, count=1, digest=bytes(32)
        )
        HotListChange.objects.create(entry_id=1, pan="1", recorded_at=recorded_at, version=listed)
    HotListChange.objects.create(entry_id=1, pan="1", recorded_at=IN)


def appeals() -> None:
    """Decided on its last day, decided late, not decided yet."""
    for number, (due_on, decided_at) in enumerate(((LAST, IN), (FIRST, IN), (LAST, None))):
        HotListAppeal.objects.create(
            number=f"A{number}", entry_id=number, citizen_id=uuid4(), policy_id=1, filed_at=BEFORE, due_on=due_on,
            state="granted" if decided_at else "open", decided_by="x" if decided_at else "", decided_at=decided_at,
            decision_reason="x" if decided_at else "",
        )  # fmt: skip


def differences() -> None:
    """Closed in the month, closed after it, open; and one seen before."""
    for number, (first_seen, closed_at) in enumerate(
        ((LAST, IN), (LAST, AFTER), (FIRST, None), (BEFORE.date(), None))
    ):
        TopUpDifference.objects.create(
            kind="paid_not_booked", subject=f"D{number}", ours_fen=0, theirs_fen=1, owner="finance",
            first_seen=first_seen, last_seen=first_seen, closed_at=closed_at, closed_by="x" if closed_at else "",
        )  # fmt: skip


def terminals() -> None:
    """Of three in service one has traded in the month, one before, one never; a retired one does not count."""
    tapped = {"TM00001": IN, "TM00002": BEFORE, "TM00003": None}
    for code, at in tapped.items():
        Terminal.objects.filter(code=code).update(tapped_at=at, state_at=BEFORE)


def test_each_key_figure_is_what_it_says(db: None) -> None:
    traded_month()
    reconcile()
    with as_superuser():
        Batch.objects.filter(business_date=LAST, terminal__code="TM00001").update(online=True)
        ClearingRun.objects.filter(pk=FIRST).update(finished_at=datetime(2026, 11, 30, 6, tzinfo=SHANGHAI))
        ClearingRun.objects.filter(pk=LAST).update(finished_at=datetime(2026, 12, 1, 6, 1, tzinfo=SHANGHAI))
        for make in (citizens, refunds, hot_list, appeals, differences, terminals):
            make()
    assert measured(Scope.month(MONTH)) == {
        "coverage": (2, 4),
        "online": (0, 4),
        "held": (2, 6),
        "refund_promise": (1, 2),
        "refund_time": (80, 2),
        "hot_list": (1, 2),
        "zero_trade": (2, 3),
        "cleared": (1, 2),
        "reconciled": (2, 2),
        "differences": (2, 3),
        "objections": (1, 2),
    }
    with translation.override("en"):
        values = [row[1] for row in kpi_report(Scope.month(MONTH)).sections[0].rows]
    assert values[:5] == ["50.0 %", "0.0 %", "33.3 %", "50.0 %", "40.0 hours"]


def test_nothing_to_divide_by_is_a_dash(db: None) -> None:
    assert {row[1] for row in kpi_report(Scope.month(MONTH)).sections[0].rows} == {"–"}
