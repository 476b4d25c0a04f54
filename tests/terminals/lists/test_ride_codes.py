"""Ride codes: shown for a minute, believed without a line, paid once, and every way to cheat has its own name."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.db import IntegrityError, connection, transaction
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.errors import CardNotActive, NoAccountPurse
from accounts.models import Card, LedgerAccount, Purse
from accounts.selectors.balances import account_balance_fen
from accounts.services import topup
from citizencard.core.models import BusinessDay
from settlement.selectors.audit import broken_invariants
from settlement.services.clearing import clear_day
from terminals.errors import RideCodeWithoutMoney
from terminals.models import Ride
from terminals.program.ride_codes import RideCodes
from terminals.services.held import collect_claims
from terminals.services.hotlist import report_loss
from terminals.services.ride_codes import accept_rides, issue_ride_code
from terminals.wire import ride_code
from terminals.wire.rides import RideRecord, build_rides
from tests.factories import CLERK, NOON, make_card, make_order, make_product
from tests.fixtures_accounts import TODAY
from tests.terminals.field import Field, deliver

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


@pytest.fixture
def wallet(open_day: BusinessDay) -> Card:
    """A card with 20 yuan online."""
    return filled(2_000)


def filled(amount_fen: int) -> Card:
    product = make_product(code="plain", price_fen=0, deposit_fen=0, account_limit_fen=50_000)
    card = make_card(product=product)
    topup.receive_cash(order=make_order(card=card, amount_fen=amount_fen, purse_kind="account"), actor=CLERK)
    return card


def online_fen(card: Card) -> int:
    return Purse.objects.get(card=card, kind="account").balance_fen


def ride(card: Card, amount_fen: int = 200, when: datetime = NOON) -> RideRecord:
    return RideRecord(issue_ride_code(card=card, now=NOON).text, amount_fen, when, "东湖")


def take(field: Field, *rides: RideRecord) -> list[str]:
    return accept_rides(terminal=field.terminal, body=build_rides(rides))


def altered(record: RideRecord) -> RideRecord:
    """Its number with another card, as somebody would who wants another one to pay."""
    text = record.code
    at = len(ride_code.PREFIX) + 40
    other = "A" if text[at] != "A" else "B"
    return RideRecord(text[:at] + other + text[at + 1 :], record.amount_fen, record.occurred_at)


def test_a_terminal_believes_it_without_a_line_and_the_centre_has_it_paid(field: Field, wallet: Card) -> None:
    code = issue_ride_code(card=wallet, now=NOON)
    assert (code.most_fen, code.expires_at) == (2_000, NOON + 60 * SECOND)
    told = field.get("/api/v1/documents/parameters/0").content.split(b"\n", 2)[2]
    keys = [bytes.fromhex(key) for key in json.loads(told)["ride_code_keys"]]
    device = RideCodes({ride_code.key_of(key): key for key in keys})
    read = device.accept(code.text, NOON + 10 * SECOND, 200)
    assert read.card_no == wallet.pan
    assert take(field, RideRecord(code.text, 300, NOON + 10 * SECOND)) == ["paid"]
    assert online_fen(wallet) == 1_700
    assert clear_day(day=TODAY).gross_fen == 300
    assert broken_invariants() == []


def test_each_fault_has_its_name_and_moves_nothing(field: Field, wallet: Card) -> None:
    good = ride(wallet)
    key = "CC1." + ride_code.PREFIX + good.code[4:]
    chipped = make_card()
    unknown = ride(wallet).code
    rides = [
        RideRecord("CC1.nothing", 200, NOON),
        RideRecord(key[:140], 200, NOON),
        altered(good),
        RideRecord("CC1.AAAA" + good.code[8:], 200, NOON),
        ride(wallet, when=NOON - 31 * SECOND),
        ride(wallet, when=NOON + 90 * SECOND),
        ride(wallet, amount_fen=2_001),
        RideRecord(unknown, 200, timezone.now().replace(microsecond=0) + timedelta(days=400)),
    ]
    assert take(field, *rides) == [
        "qr_format", "qr_format", "qr_forged", "qr_key", "qr_early", "qr_expired", "qr_over", "qr_expired",
    ]  # fmt: skip
    assert (online_fen(wallet), chipped.state) == (2_000, "active")
    # A forged one in front does not stand in the genuine one's way.
    assert take(field, good) == ["paid"]
    assert broken_invariants() == []


def test_a_code_shown_at_two_terminals_is_paid_once(field: Field, wallet: Card) -> None:
    other, record = Field.install(field.keys), ride(wallet)
    assert take(field, record, record) == ["paid", "duplicate"]
    assert take(field, record) == ["duplicate"]
    assert take(other, record) == ["qr_replayed"]
    assert take(other, record) == ["duplicate"]
    assert online_fen(wallet) == 1_800
    assert Ride.objects.filter(outcome="qr_replayed").count() == 1
    assert broken_invariants() == []


def test_what_the_purse_cannot_pay_any_more_is_a_claim_and_the_merchant_is_paid(
    field: Field, wallet: Card
) -> None:
    assert take(field, *(ride(wallet, 900) for _ in range(3))) == ["paid", "paid", "claimed"]
    assert online_fen(wallet) == 200
    assert account_balance_fen(LedgerAccount.objects.get(code="1221").pk) == 900
    assert clear_day(day=TODAY).gross_fen == 2_700
    assert collect_claims() == 0
    topup.receive_cash(order=make_order(card=wallet, amount_fen=1_000, purse_kind="account"), actor=CLERK)
    assert (collect_claims(), online_fen(wallet), collect_claims()) == (1, 300, 0)
    assert account_balance_fen(LedgerAccount.objects.get(code="1221").pk) == 0
    assert broken_invariants() == []


def test_no_code_without_money_purse_or_an_active_card(field: Field, wallet: Card) -> None:
    with pytest.raises(RideCodeWithoutMoney):
        issue_ride_code(card=make_card(product=wallet.product))
    with pytest.raises(NoAccountPurse):
        issue_ride_code(card=make_card())
    report_loss(card=wallet, actor=CLERK, reason="lost", occurred_at=NOON)
    wallet.refresh_from_db()
    with pytest.raises(CardNotActive):
        issue_ride_code(card=wallet)


def post(field: Field, body: bytes) -> HttpResponse:
    return deliver(field.signed("POST", "/api/v1/rides", body))


def test_rides_are_taken_over_the_api(field: Field, wallet: Card) -> None:
    record = ride(wallet)
    answer = json.loads(post(field, build_rides([record, altered(record)])).content)
    assert answer["received"] == 2
    assert [(each["line"], each["result"], each["reason"]["code"]) for each in answer["rides"]] == [
        (1, "accepted", "accepted"), (2, "rejected", "qr_forged"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"code": ""}, "code"),
        ({"code": "码"}, "code"),
        ({"amount_fen": -1}, "amount_fen"),
        ({"amount_fen": 2**24}, "amount_fen"),
        ({"occurred_at": "2026-03-02T12:00:00"}, "occurred_at"),
        ({"occurred_at": 5}, "occurred_at"),
        ({"place": "x" * 41}, "place"),
        ({"place": "\x00"}, "place"),
        ({"more": 1}, "line"),
    ],
)
def test_a_line_that_breaks_a_rule_is_named(field: Field, change: dict[str, object], name: str) -> None:
    line = {"code": "CC1.x", "amount_fen": 1, "occurred_at": "2026-03-02T12:00:00+08:00"} | change
    answer = post(field, json.dumps(line).encode())
    problem = json.loads(answer.content)
    assert (answer.status_code, problem["code"], problem["field"]) == (422, "line_refused", name)


def test_the_statements_are_as_many_for_one_as_for_many(field: Field, open_day: BusinessDay) -> None:
    counts = []
    for size in (1, 12):
        rides = [ride(filled(1_000)) for _ in range(size)]
        with CaptureQueriesContext(connection) as asked:
            assert take(field, *rides) == ["paid"] * size
        counts.append(len(asked))
    assert counts[1] <= counts[0]


def test_a_ride_is_never_rewritten(field: Field, wallet: Card) -> None:
    take(field, ride(wallet))
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE terminals_ride SET amount_fen = 1")


def test_the_code_of_the_documentation() -> None:
    page = (Path(__file__).parents[3] / "docs" / "terminal-api.md").read_text("utf-8")
    public = bytes.fromhex(re.findall(r"\(public\n`([0-9a-f]{64})`\)", page)[0])
    (text,) = re.findall(r'"code":"(CC1\.[^"]+)"', page)
    code = ride_code.read(text, {ride_code.key_of(public): public})
    assert (code.card_no, code.most_fen, code.lifetime) == ("3104397000000000001", 500, timedelta(seconds=60))
