"""What was tapped is priced by the published documents, and put right where the chip has paid too much."""

from __future__ import annotations

import hashlib
import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from accounts.models import Card, Notice, TopUpOrder
from accounts.selectors import invariants as books
from accounts.selectors.balances import account_balance_fen
from accounts.services.concessions import grant_concession
from accounts.services.ledger import open_account
from accounts.services.topup import reverse_topup
from citizencard.core.calendar import cut_off, open_business_day
from citizencard.core.keyservice.keystore import load_demo_keys
from settlement.services.clearing import clear_day
from terminals.errors import PurchaseOverRefunded
from terminals.fares.period import price_rides, recompute
from terminals.fares.rides import Ride
from terminals.models import FareCharge, FarePricing, FareShare, Tap
from terminals.selectors import invariants as taps
from terminals.selectors.fare_claims import claim_file, claims
from terminals.selectors.fares import fare_book
from terminals.services.online.returns import Named, reverse_purchase
from terminals.services.pricing import price_day, price_due_days
from tests.accounts.chip import Chip
from tests.factories import CLERK, make_citizen
from tests.fixtures_accounts import TODAY
from tests.fixtures_core import DEMO_KEYS
from tests.terminals.pricing.city import Riding, at, charges

pytestmark = pytest.mark.django_db


def due(card: Card) -> dict[int, tuple[int, int, int]]:
    """By counter: taken, due, given back by the newest version."""
    return {atc: (row.charged_fen, row.due_fen, row.given_fen) for atc, row in charges(card).items()}


def balance(code: str) -> int:
    chart, _, owner = code.partition(".")
    return account_balance_fen(open_account(chart=chart, owner=owner).pk)


def student(card: Card) -> None:
    grant_concession(
        card=card, category="student", valid_from=TODAY, proof="list", legal_basis="rule", checked_by=CLERK
    )


def test_a_ride_that_cost_what_it_should_changes_nothing(riding: Riding) -> None:
    card = riding.card()
    riding.tap("bus1", card, at("08:00"))
    riding.metro(card, "0101", "0103", at("12:00"), 300)
    riding.upload()
    priced = price_day(day=TODAY)
    assert (priced.cards, priced.charges, priced.given_fen, priced.faults) == (1, 2, 0, {})
    assert due(card) == {1: (200, 200, 0), 3: (300, 300, 0)}
    assert not TopUpOrder.objects.filter(channel="repair").exists()
    assert price_day(day=TODAY).charges == 0


def test_a_transfer_the_terminal_did_not_see_is_given_back(riding: Riding) -> None:
    card = riding.card(citizen=make_citizen())
    riding.tap("bus1", card, at("08:00"))
    riding.tap("bus2", card, at("08:40"))
    riding.upload()
    price_day(day=TODAY)
    assert due(card) == {1: (200, 200, 0), 2: (200, 100, 100)}
    order = TopUpOrder.objects.get(channel="repair")
    assert (order.amount_fen, order.party, order.state, order.purse.kind) == (100, "BUS", "paid", "chip")
    assert FareCharge.objects.get(card_id=card.pk, atc=2).order_id == order.pk
    assert balance("2202.BUS") == 300
    assert balance("2031") == 100
    notice = Notice.objects.get(citizen=card.citizen)
    assert "1.00" in notice.text
    assert card.pan not in notice.text
    assert books.broken() == []


def test_a_late_tap_repairs_the_cap_of_the_day(riding: Riding) -> None:
    card = riding.card()
    for hour in (6, 8, 10, 12, 14, 16):
        riding.tap("bus1" if hour > 6 else "bus2", card, at(f"{hour:02d}:00"))
    riding.upload("bus1")
    price_day(day=TODAY)
    assert due(card)[6] == (200, 200, 0)
    riding.upload("bus2")
    assert price_day(day=TODAY).given_fen == 200
    assert due(card)[6] == (200, 0, 200)
    assert charges(card)[6].version == 2
    assert FareCharge.objects.get(card_id=card.pk, atc=6, version=1).due_fen == 200
    assert price_day(day=TODAY).charges == 0


def test_what_the_chip_paid_too_little_is_kept_and_never_collected(riding: Riding) -> None:
    card = riding.card()
    riding.tap("bus1", card, at("08:00"), 150)
    riding.upload()
    assert price_day(day=TODAY).given_fen == 0
    assert due(card) == {1: (150, 200, 0)}
    assert balance("2202.BUS") == 150


def test_a_concession_the_terminal_did_not_know_is_paid_by_who_promised(riding: Riding) -> None:
    card = riding.card()
    student(card)
    riding.tap("bus1", card, at("08:00"), 200)
    riding.tap("bus1", card, at("12:00"), 100)
    riding.upload()
    price_day(day=TODAY)
    assert due(card) == {1: (200, 100, 100), 2: (100, 100, 0)}
    assert {(s.atc, s.payer): s.amount_fen for s in FareShare.objects.all()} == {
        (1, "CZJ"): 67, (1, "JYJ"): 33, (2, "CZJ"): 67, (2, "JYJ"): 33,
    }  # fmt: skip
    assert (balance("1231.CZJ"), balance("1231.JYJ")) == (134, 66)
    assert balance("2202.BUS") == 400  # both full fares: 200 of the holder, 200 of the payers
    assert books.broken() == []


def test_a_concession_proved_later_prices_rides_again(riding: Riding) -> None:
    card = riding.card()
    riding.tap("bus1", card, at("08:00"))
    riding.upload()
    price_day(day=TODAY)
    student(card)
    with connection.cursor() as cursor:  # as if it had been granted on the business day
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE accounts_concession SET granted_at = %s", [at("12:00")])
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")
    assert price_day(day=TODAY).given_fen == 100
    assert charges(card)[1].version == 2


def test_an_exit_whose_entry_comes_late_costs_the_ride(riding: Riding) -> None:
    card = riding.card()
    entry = riding.tap("gate", card, at("08:00"), 0, "in:0101")
    late = riding.waiting.pop("gate")
    riding.tap("gate", card, at("08:20"), 500, "out:0102:?:?")
    riding.upload()
    price_day(day=TODAY)
    assert due(card) == {2: (500, 500, 0)}
    riding.waiting["gate"] = late
    riding.upload()
    assert price_day(day=TODAY).given_fen == 300
    assert due(card) == {2: (500, 200, 300)}
    assert entry not in charges(card)


def test_a_missing_tap_is_inferred_and_given_back_three_times_a_half_year(riding: Riding) -> None:
    card = riding.card()
    for number in range(5):
        start = at("08:00") + timedelta(hours=4 * number) - timedelta(days=2)
        riding.metro(card, "0101", "0102", start, 200)
        riding.tap("gate", card, start + timedelta(minutes=90), 500, "out:0103:?:?")
    riding.upload()
    price_day(day=TODAY)
    alone = [row for row in charges(card).values() if row.charged_fen == 500]
    assert [(row.how, row.given_fen > 0) for row in alone] == [("inferred", True)] * 3 + [
        ("budget", False)
    ] * 2
    assert price_day(day=TODAY).charges == 0


def test_an_entry_alone_is_held_once_a_day_has_passed(riding: Riding) -> None:
    card = riding.card()
    riding.tap("gate", card, at("08:00"), 0, "in:0101")
    riding.upload()
    price_day(day=TODAY, now=at("20:00"))
    assert due(card) == {}
    price_day(day=TODAY, now=at("09:00", "2026-03-03"))
    assert due(card) == {1: (0, 500, 0)}
    assert charges(card)[1].how == "held"


def test_an_entry_priced_alone_becomes_part_of_its_ride(riding: Riding) -> None:
    card = riding.card()
    entry = riding.tap("gate", card, at("08:00"), 0, "in:0101")
    riding.upload()
    riding.tap("gate", card, at("08:20"), 200, f"out:0102:0101:{at('08:00'):%Y%m%d%H%M%S}")
    price_day(day=TODAY, now=at("09:00", "2026-03-03"))
    riding.upload()
    price_day(day=TODAY, now=at("10:00", "2026-03-03"))
    assert due(card) == {entry: (0, 0, 0), 2: (200, 200, 0)}
    assert (charges(card)[entry].how, charges(card)[entry].version) == ("merged", 2)
    assert charges(card)[entry].derived == {"merged_into": f"{card.pk}-2"}


def test_a_second_tap_in_one_vehicle_is_free_unless_it_was_asked_for(riding: Riding) -> None:
    card = riding.card()
    riding.tap("bus1", card, at("08:00"))
    riding.tap("back1", card, at("08:00") + timedelta(seconds=30))
    riding.tap("bus1", card, at("12:00"))
    riding.tap("bus1", card, at("12:00") + timedelta(seconds=5))
    riding.tap("bus1", card, at("16:00"))
    riding.tap("back1", card, at("16:00") + timedelta(seconds=31))
    riding.upload()
    price_day(day=TODAY)
    assert due(card)[2] == (200, 0, 200)
    assert charges(card)[2].how == "double"
    assert [due(card)[atc][2] for atc in (1, 3, 4, 5, 6)] == [0, 0, 0, 0, 0]


def test_a_purchase_taken_back_is_no_ride(riding: Riding) -> None:
    card = riding.card()
    riding.tap("bus1", card, at("08:00"))
    riding.tap("bus2", card, at("08:30"))
    riding.upload()
    bus = riding.terminals["bus1"].terminal
    tap = Tap.objects.get(card_id=card.pk, atc=1)
    named = Named(bus.terminal_no, tap.terminal_seq, card.pan)
    reverse_purchase(terminal=bus, purchase=named, amount_fen=200, occurred_at=at("08:01"))
    price_day(day=TODAY)
    assert due(card) == {2: (200, 200, 0)}


def test_what_pricing_gave_back_is_not_taken_back_again(riding: Riding) -> None:
    card = riding.card()
    riding.tap("bus1", card, at("08:00"))
    riding.tap("bus2", card, at("08:40"))
    riding.upload()
    price_day(day=TODAY)
    assert due(card)[2] == (200, 100, 100)
    bus = riding.terminals["bus2"].terminal
    named = Named(bus.terminal_no, Tap.objects.get(card_id=card.pk, atc=2).terminal_seq, card.pan)
    with pytest.raises(PurchaseOverRefunded) as refusal:
        reverse_purchase(terminal=bus, purchase=named, amount_fen=200, occurred_at=at("09:00"))
    assert refusal.value.data["left_fen"] == 100
    assert balance("2202.BUS") == 300


def test_a_stay_is_priced_by_its_times(riding: Riding) -> None:
    card = riding.card()
    riding.tap("barrier", card, at("08:00"), 0, "in:0")
    riding.tap("barrier", card, at("09:30"), 1500, f"out:0:0:{at('08:00'):%Y%m%d%H%M%S}")
    riding.upload()
    price_day(day=TODAY)
    assert due(card) == {2: (1500, 1000, 500)}


def test_taps_without_a_fare_are_counted_and_stop_nobody(riding: Riding) -> None:
    card, other = riding.card(), riding.card()
    riding.tap("gate", card, at("08:00"), 300)
    riding.tap("gate", card, at("09:00"), 300, "out:0999:0101:20260302083000")
    riding.tap("barrier", card, at("09:00"), 500, "out:0:?:?")
    riding.tap("till", card, at("10:00"), 4590)
    riding.tap("bus1", card, at("11:00"))
    riding.tap("bus1", other, at("11:00"))
    riding.upload()
    priced = price_day(day=TODAY)
    assert priced.faults == {"trip missing": 1, "no fare": 1, "stay without entry": 1}
    assert (list(due(card)), list(due(other))) == ([5], [1])
    assert FarePricing.objects.get().faults == priced.faults


def test_every_charge_can_be_worked_out_again(riding: Riding) -> None:
    card = riding.card()
    student(card)
    riding.tap("bus1", card, at("08:00"))
    riding.metro(card, "0101", "0103", at("08:30"), 300)
    riding.tap("bus2", card, at("09:10"))
    riding.upload()
    price_day(day=TODAY)
    for row in charges(card).values():
        assert recompute(row.derived, fare_book()).canonical() == bytes(row.derivation)
        assert hashlib.sha256(bytes(row.derivation)).digest() == bytes(row.digest)


def test_a_day_that_is_over_is_priced_once_and_cleared_with_what_was_given_back(riding: Riding) -> None:
    card = riding.card()
    student(card)
    riding.tap("bus1", card, at("08:00"))
    riding.upload()
    cut_off(TODAY)
    (priced,) = price_due_days()
    assert (priced.business_date, priced.given_fen) == (TODAY, 100)
    assert price_due_days() == []
    clear_day(day=TODAY)
    tomorrow = TODAY + timedelta(days=1)
    clear_day(day=tomorrow)
    assert balance("2202.BUS") == 0
    assert balance("2203.BUS") == 200 - 1  # 100 of the holder, 100 of the payers; the fee of the first day
    assert books.broken() == []


def test_a_killed_run_goes_on_where_it_was(riding: Riding, monkeypatch: pytest.MonkeyPatch) -> None:
    cards = [riding.card() for _ in range(3)]
    for card in cards:
        riding.tap("bus1", card, at("08:00"))
        riding.tap("bus2", card, at("08:30"))
    riding.upload()
    cut_off(TODAY)
    from terminals.services.pricing import service

    calls = iter([True, False])
    real = service.write

    def dies(**values: Any) -> None:
        if not next(calls):
            raise KeyboardInterrupt
        real(**values)

    monkeypatch.setattr(service, "write", dies)
    with pytest.raises(KeyboardInterrupt):
        price_day(day=TODAY, cards=1)
    monkeypatch.setattr(service, "write", real)
    assert price_day(day=TODAY, cards=1).cards == 3
    assert TopUpOrder.objects.filter(channel="repair", amount_fen=100).count() == 3


def test_the_number_of_queries_does_not_grow_with_the_cards(riding: Riding) -> None:
    def queries(number: int) -> int:
        for _ in range(number):
            card = riding.card()
            student(card)
            riding.tap("bus1", card, at("08:00"))
            riding.tap("bus2", card, at("08:30"))
        riding.upload()
        with CaptureQueriesContext(
            connection,
        ) as captured:
            price_day(day=TODAY)
        return len(captured)

    queries(1)
    few = queries(2)
    assert queries(6) == few
    assert few < 45


def test_a_months_claim_is_the_sum_of_its_trips(riding: Riding) -> None:
    card = riding.card()
    student(card)
    for hour in (8, 12, 16):
        riding.tap("bus1", card, at(f"{hour:02d}:00"), 100)
    riding.upload()
    price_day(day=TODAY)
    by_payer = {claim.payer: (claim.shares, claim.amount_fen) for claim in claims()}
    assert by_payer == {"CZJ": (3, 201), "JYJ": (3, 99)}
    lines = claim_file(payer="CZJ", month=TODAY).decode("utf-8-sig").splitlines()
    assert lines[1].split(",")[2:] == [card.pan[-4:], "1", "1", "BUS", "student", "0.67"]
    assert lines[-1].endswith("total,2.01")
    assert len(lines) == 5
    assert claim_file(payer="CZJ", month=TODAY + timedelta(days=40)).decode("utf-8-sig").count("\n") == 2
    assert balance("1231.CZJ") == 201


def test_the_command_prices_and_writes_claims(riding: Riding, tmp_path: Path) -> None:
    card = riding.card()
    student(card)
    riding.tap("bus1", card, at("08:00"), 100)
    riding.tap("gate", card, at("09:00"), 300)
    riding.upload()
    out, err = io.StringIO(), io.StringIO()
    call_command("fares", "price", "--date", str(TODAY), stdout=out, stderr=err)
    assert "1 cards, 1 charges, 0.00 yuan given back" in out.getvalue()
    assert "1 taps without a fare: trip missing" in err.getvalue()
    file = tmp_path / "claim.csv"
    call_command("fares", "claim", "CZJ", "2026-03", "--output", str(file), stdout=out)
    assert file.read_bytes() == claim_file(payer="CZJ", month=TODAY)
    for wrong in (["claim", "X", "2026-03"], ["claim", "CZJ", "March"]):
        with pytest.raises(CommandError):
            call_command("fares", *wrong, "--output", str(file))
    with pytest.raises(CommandError, match="no business date"):
        call_command("fares", "price", "--date", "2030-01-01")


def test_what_was_given_back_reaches_the_chip_at_the_next_reader(riding: Riding) -> None:
    card = riding.card()
    riding.tap("bus1", card, at("08:00"))
    riding.tap("bus2", card, at("08:30"))
    riding.upload()
    price_day(day=TODAY)
    order = TopUpOrder.objects.get(channel="repair")
    purse_fen = card.purses.get(kind="chip").balance_fen
    Chip(riding.keys, card).load(order)
    assert card.purses.get(kind="chip").balance_fen == purse_fen + 100
    assert balance("2031") == 0
    assert [breach for part in (books, taps) for breach in part.broken()] == []


def test_what_a_card_never_fetches_is_paid_out_at_the_counter(riding: Riding) -> None:
    card = riding.card()
    riding.tap("bus1", card, at("08:00"))
    riding.tap("bus2", card, at("08:30"))
    riding.upload()
    price_day(day=TODAY)
    cash = balance("1011")
    reverse_topup(order=TopUpOrder.objects.get(channel="repair"), actor=CLERK, reason="card lost")
    assert (balance("1011"), balance("2031")) == (cash - 100, 0)
    assert books.broken() == []


@pytest.mark.parametrize("broken", ["given_fen = 99", "order_id = 0", "due_fen = 0"])
def test_the_audit_finds_a_charge_that_does_not_fit(riding: Riding, broken: str) -> None:
    card = riding.card()
    riding.tap("bus1", card, at("08:00"))
    riding.tap("bus2", card, at("08:30"))
    riding.upload()
    price_day(day=TODAY)
    assert taps.broken() == []
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(f"UPDATE terminals_farecharge SET {broken} WHERE given_fen > 0")
    assert taps.broken() != []


class AnyOrder(TestCase):
    """In whatever order taps come in, priced in between or not: in the end the same is due, and given back at most once."""

    @settings(max_examples=4, deadline=None)
    @given(data=st.data())
    def test_in_the_end_the_same(self, data: st.DataObject) -> None:
        open_business_day(TODAY)
        riding = Riding.found(load_demo_keys(DEMO_KEYS, environment="test"))
        minutes = data.draw(st.lists(st.integers(0, 600), min_size=2, max_size=8, unique=True))
        one, other = riding.card(), riding.card()
        for minute in sorted(minutes):
            for card in (one, other):
                riding.tap(f"bus{1 + minute % 2}", card, at("06:00") + timedelta(minutes=minute))
        waiting, riding.waiting = riding.waiting, {}
        records = [(name, record) for name, records in waiting.items() for record in records]
        for name, record in data.draw(st.permutations(records)):
            riding.waiting = {name: [record]}
            riding.upload()
            if data.draw(st.booleans()):
                price_day(day=TODAY)
        price_day(day=TODAY)
        assert [row[:2] for _, row in sorted(due(one).items())] == [
            row[:2] for _, row in sorted(due(other).items())
        ]
        for card in (one, other):
            newest = charges(card)
            alone = price_rides(
                [Ride(f"{card.pk}-{atc}", row.tariff, row.ride_at, row.derived["inputs"]["ride"]["line"])
                 for atc, row in newest.items()], fare_book(),
            )  # fmt: skip
            assert [charge.amount_fen for charge in alone] == [
                row.due_fen for _, row in sorted(newest.items())
            ]
            for atc, row in newest.items():
                versions = FareCharge.objects.filter(card_id=card.pk, atc=atc)
                given_fen = sum(each.given_fen for each in versions)
                most = max(each.charged_fen - each.due_fen for each in versions)
                assert given_fen == most
                assert given_fen >= row.charged_fen - row.due_fen
        assert [breach for part in (books, taps) for breach in part.broken()] == []
