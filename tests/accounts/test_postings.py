"""Each business event books what docs/ledger.md says: worked examples over the whole chart."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from accounts.models import Card, Chart, CreditReturn, DisputedCharge, LedgerAccount, TopUpOrder
from accounts.selectors.balances import account_balance_fen, trial_balance
from accounts.services import postings, topup
from accounts.services.ledger import Leg, open_account, post_journal
from citizencard.core.keyservice.keystore import KeyStore
from tests.accounts.chip import Chip
from tests.factories import CLERK, NOON, fill_purse, make_card, make_order, make_product

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_day")]


@pytest.fixture
def card() -> Card:
    card = make_card(product=make_product(price_fen=0, deposit_fen=0))
    fill_purse(card, 10_000)
    return card


@pytest.fixture
def payable() -> LedgerAccount:
    return open_account(chart="2202", owner="bus")


def booked(post: Callable[[], list[Leg]]) -> dict[str, int]:
    """What posting the legs changes, by account code: fen, debit positive."""
    before = balances()
    legs = post()
    post_journal(key=f"example:{legs[0].kind}", kind="example", actor="test", source="test", legs=legs)
    after = balances()
    return {code: after[code] - before.get(code, 0) for code in after if after[code] != before.get(code, 0)}


def balances() -> dict[str, int]:
    """Net debit of every account; a control account is only the sum of its purses."""
    return {
        account.code: account_balance_fen(account.pk) * (1 if account.side == "D" else -1)
        for account in LedgerAccount.objects.filter(ledgeraccount=None)
    }


def test_purchase_accepted(card: Card, payable: LedgerAccount) -> None:
    def legs() -> list[Leg]:
        return postings.purchase_accepted(
            purse_id=card.purse.account_id,
            payable_id=payable.pk,
            amount_fen=200,
            tap_id=1,
            occurred_at=NOON,
        )

    assert booked(legs) == {f"2012.{card.pan}": 200, "2202.bus": -200}


def test_purchase_by_a_hot_listed_card(card: Card) -> None:
    def legs() -> list[Leg]:
        return postings.purchase_held(
            purse_id=card.purse.account_id, amount_fen=200, tap_id=1, occurred_at=NOON
        )

    assert booked(legs) == {f"2012.{card.pan}": 200, "2241": -200}


def test_purchase_beyond_the_balance(payable: LedgerAccount) -> None:
    def legs() -> list[Leg]:
        return postings.purchase_claimed(payable_id=payable.pk, amount_fen=200, tap_id=1, occurred_at=NOON)

    assert booked(legs) == {"1221": 200, "2202.bus": -200}


def test_two_purchases_with_one_counter() -> None:
    def legs() -> list[Leg]:
        return postings.purchase_conflicting(amount_fen=200, tap_id=1, occurred_at=NOON)

    assert booked(legs) == {"1221": 200, "2241": -200}


@pytest.mark.parametrize(("fee_fen", "fee"), [(30, {"6001": -30}), (0, {})])
def test_a_merchants_day_is_cleared(fee_fen: int, fee: dict[str, int], payable: LedgerAccount) -> None:
    settlement = open_account(chart="2203", owner="bus")

    def legs() -> list[Leg]:
        return postings.merchant_cleared(
            payable_id=payable.pk,
            settlement_id=settlement.pk,
            fee_income_id=postings.account_id(Chart.FEE_INCOME),
            fee_fen=fee_fen,
            net_fen=10_000 - fee_fen,
            statement_id=1,
            occurred_at=NOON,
        )

    assert booked(legs) == {"2202.bus": 10_000, "2203.bus": fee_fen - 10_000} | fee


def test_a_merchant_whose_fee_is_everything_gets_no_settlement(payable: LedgerAccount) -> None:
    settlement = open_account(chart="2203", owner="bus")
    legs = postings.merchant_cleared(
        payable_id=payable.pk,
        settlement_id=settlement.pk,
        fee_income_id=postings.account_id(Chart.FEE_INCOME),
        fee_fen=5,
        net_fen=0,
        statement_id=1,
        occurred_at=NOON,
    )
    assert [leg.amount_fen for leg in legs] == [5]


@pytest.mark.parametrize(("channel", "money"), [("cash", "1011"), ("gateway", "1012")])
def test_a_top_up_is_paid_and_given_back_the_way_it_came(channel: str, money: str, card: Card) -> None:
    order = make_order(card=card, channel=channel, amount_fen=5_000)
    assert booked(lambda: postings.topup_paid(order=order)) == {money: 5_000, "2031": -5_000}
    assert booked(lambda: postings.topup_reversed(order=order)) == {money: -5_000, "2031": 5_000}


def test_the_cards_whole_money_balances(demo_keys: KeyStore) -> None:
    card = make_card()
    Chip(demo_keys, card).load(topup.receive_cash(order=make_order(card=card), actor=CLERK))
    assert balances() == {
        "1011": 7_000,  # price 10, deposit 10, top-up 50 yuan
        "6002": -1_000,
        "2021": -1_000,
        "2031": 0,
        f"2012.{card.pan}": -5_000,
    }
    rows = trial_balance()
    assert sum(row.debit_fen for row in rows) == sum(row.credit_fen for row in rows) == 12_000


def test_a_fare_given_back_comes_off_its_merchant_and_waits_for_the_chip(
    card: Card, payable: LedgerAccount
) -> None:
    grants = [postings.GivenBack(1, payable.pk, 100)]
    assert booked(lambda: postings.fares_given_back(grants=grants, occurred_at=NOON)) == {
        "2202.bus": 100,
        "2031": -100,
    }


def test_a_fare_subsidy_is_owed_by_its_payer_and_taken_back_if_it_was_too_much(
    payable: LedgerAccount,
) -> None:
    payer = open_account(chart="1231", owner="CZJ")

    def claims(*amounts: int) -> list[Leg]:
        rows = [
            postings.SubsidyClaim(number, payer.pk, payable.pk, fen) for number, fen in enumerate(amounts)
        ]
        return postings.fares_subsidised(claims=rows, occurred_at=NOON)

    assert booked(lambda: claims(67, 0, 33)) == {"1231.CZJ": 100, "2202.bus": -100}
    legs = claims(-40)
    assert [(leg.debit_id, leg.credit_id, leg.amount_fen) for leg in legs] == [(payable.pk, payer.pk, 40)]


def test_a_claim_is_collected_from_the_purse_it_was_missing_in(card: Card) -> None:
    def legs() -> list[Leg]:
        claims_id = postings.account_id(Chart.SUSPENSE_RECEIVABLE)
        return postings.claim_collected(
            claims_id=claims_id, purse_id=card.purse.account_id, amount_fen=200, claim_id=1, occurred_at=NOON
        )

    assert booked(legs) == {f"2012.{card.pan}": 200, "1221": -200}


@pytest.mark.parametrize("bearer", ["2202.bus", "6711"])
def test_a_disputed_charge_is_borne_by_a_merchant_or_by_us(
    card: Card, payable: LedgerAccount, bearer: str
) -> None:
    chart, _, owner = bearer.partition(".")
    account = open_account(chart=chart, owner=owner)
    charge = DisputedCharge(pk=1, card=card, what="purchase", source_id=1, amount_fen=200)

    def legs() -> list[Leg]:
        return postings.dispute_borne(charge=charge, bearer_id=account.pk, occurred_at=NOON)

    assert booked(legs) == {bearer: 200, "1222": -200}


def test_a_credit_is_advanced_taken_back_and_written_off(card: Card) -> None:
    order = TopUpOrder(pk=1, card=card, purse=card.purse, amount_fen=500, channel="dispute", occurred_at=NOON)
    assert booked(lambda: postings.topup_paid(order=order)) == {"1222": 500, "2031": -500}
    part = CreditReturn(pk=1, amount_fen=300, occurred_at=NOON)
    taken = booked(lambda: postings.credit_taken_back(part=part, purse_id=card.purse.account_id))
    assert taken == {f"2012.{card.pan}": 300, "1222": -300}
    part = CreditReturn(pk=2, amount_fen=200, occurred_at=NOON)
    assert booked(lambda: postings.credit_written_off(part=part)) == {"6711": 200, "1222": -200}


def test_a_claim_is_written_off_as_a_loss() -> None:
    assert booked(lambda: postings.claim_written_off(amount_fen=200, claim_id=1, occurred_at=NOON)) == {
        "6711": 200,
        "1221": -200,
    }
