"""The audit finds nothing in honest books, and every kind of tampering."""

from __future__ import annotations

import pytest
from django.db import connection

from accounts.models import Card
from accounts.selectors import invariants
from accounts.services import topup
from citizencard.core.keyservice.keystore import KeyStore
from tests.accounts.chip import Chip
from tests.factories import CLERK, make_card, make_citizen, make_order

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_day")]


@pytest.fixture
def busy(demo_keys: KeyStore) -> Card:
    """A card with a confirmed, a paid, a reversed, a dropped and an unpaid order, beside other cards."""
    card = make_card()
    chip = Chip(demo_keys, card)
    for amount_fen in (1_000, 2_000):
        chip.load(topup.receive_cash(order=make_order(card=card, amount_fen=amount_fen), actor=CLERK))
    topup.receive_cash(order=make_order(card=card), actor=CLERK)
    reversed_order = topup.receive_cash(order=make_order(card=card), actor=CLERK)
    topup.reverse_topup(order=reversed_order, actor=CLERK, reason="")
    topup.reverse_topup(order=make_order(card=card), actor=CLERK, reason="")
    make_order(card=card)
    make_card(citizen=make_citizen(), state=Card.State.LOST)
    make_card(state=Card.State.BLANK)
    return card


def test_honest_books_are_clean(busy: Card) -> None:
    assert invariants.broken() == []


PASS_FROM_NOWHERE = """
INSERT INTO accounts_passproduct (id, code, valid_from, name, kind, price_fen, channels, operator_id, concession, refund,
    refund_fee_fen, unused, legal_basis) VALUES (1, 'p', now(), 'p', 'monthly', 9, '{bus}', 0, '', 'none', 0, 'income', '');
INSERT INTO accounts_pass (number, product_id, card_id, starts_on, ends_on, price_fen, unused_fen, refunded_fen, state,
    paid_by, proof, sold_at) VALUES ('P', 1, 0, now(), now(), 9, 8, 0, 'active', 'cash', '', now())"""
PAYMENT_FROM_NOWHERE = """
INSERT INTO accounts_payment (id, key, purse_id, payee_id, amount_fen, channel, place, counted_on, actor, occurred_at)
    SELECT 1, 'p', id, 0, 5, 'qr', '', now(), '', now() FROM accounts_purse LIMIT 1"""
REFUND_FROM_NOWHERE = f"""{PAYMENT_FROM_NOWHERE};
INSERT INTO accounts_paymentrefund (payment_id, key, amount_fen, reason, actor, occurred_at)
    VALUES (1, 'r', 6, '', '', now())"""
HOLD_FROM_NOWHERE = """
INSERT INTO accounts_hold (key, purse_id, payee_id, amount_fen, captured_fen, state, channel, counted_on, reason, actor,
    occurred_at, expires_at) SELECT 'h', id, 0, 5, 1, 'reserved', 'bike', now(), '', '', now(), 'tomorrow'
    FROM accounts_purse LIMIT 1"""
REFUND_OF_NOTHING = """
INSERT INTO accounts_refundpolicy (id, product_id, valid_from, redeemable, after_months, no_reason_days, waiting_days,
    sla_days, fee_fen, damage_fee_fen, cash_limit_fen, legal_basis)
    SELECT 1, product_id, now(), true, 0, 0, 0, 0, 0, 0, 0, 'x' FROM accounts_card LIMIT 1;
INSERT INTO accounts_refund (number, card_id, policy_id, state, card_state, reason, payee, requested_by, requested_at,
    due_on, promised_by, decided_by, decided_at, decision_reason, balance_fen, price_fen, deposit_fen, damage_fen, fee_fen,
    interest_fen, payable_fen)
    SELECT 'R', id, 1, 'approved', 'active', '', '', 'a', now(), now(), now(), 'b', now(), '', 5, 0, 0, 0, 0, 0, 5
    FROM accounts_card LIMIT 1"""
CREDIT_FROM_NOWHERE = """
INSERT INTO accounts_disputedcharge (what, source_id, card_id, amount_fen, occurred_at, state, order_id)
    SELECT 'payment', 1, card_id, amount_fen, now(), 'open', id FROM accounts_topuporder WHERE state = 'confirmed' LIMIT 1"""
STOCK_FROM_NOWHERE = """
INSERT INTO accounts_stockplace (id, code, name, kind) VALUES (1, 'b', 'b', 'bureau');
INSERT INTO accounts_stocklevel (place_id, product_id, produced) SELECT 1, product_id, 2 FROM accounts_card LIMIT 1"""
ITEM_OF_A_HOLDER = """
INSERT INTO accounts_stockitem (card_id, order_id, place_id, carton, state)
    SELECT id, 0, 0, '', 'held' FROM accounts_card WHERE state = 'active' LIMIT 1"""
RECEIPTS_WITH_A_GAP = """
INSERT INTO accounts_stockplace (id, code, name, kind) VALUES (1, 'h', 'h', 'hall');
INSERT INTO accounts_receipt (entry_id, hall_id, day, running, actor) VALUES (1, 1, now(), 1, ''), (2, 1, now(), 3, '')"""
DRAWER_FROM_NOWHERE = """
INSERT INTO accounts_stockplace (id, code, name, kind) VALUES (1, 'h', 'h', 'hall');
INSERT INTO accounts_drawersession (clerk, hall_id, float_fen, opened_at, counted_at, state)
    VALUES ('clerk', 1, 0, '2026-01-01', %s, '%s')"""
TAMPERING = {
    "an application's card was sold for what was taken, and not before it was written": "INSERT INTO accounts_issueapplication "
    "(id, clerk, hall_id, product_id, state, document_mask, name_mask, consent_text, cause, price_fen, deposit_fen, paid_at, "
    "card_id, began_at, ended_at, reason) SELECT gen_random_uuid(), 'clerk', 0, product_id, 'issued', '', '', '', '', price_fen + 1, "
    "deposit_fen, now(), id, now(), now(), '' FROM accounts_card WHERE price_fen IS NOT NULL LIMIT 1",
    "a transfer stands between two accounts of the ledger": "UPDATE accounts_transfer SET debit_id = 0 WHERE kind = 5",
    "a transfer belongs to a journal of its business date": "UPDATE accounts_transfer SET journal_id = 0 WHERE kind = 4",
    "a transfer was posted to a business day that exists": "DELETE FROM core_businessday",
    "a purse holds the sum of its transfers": "UPDATE accounts_purse SET balance_fen = balance_fen + 1",
    "a tally is the sum of its transfers": "UPDATE accounts_tally SET credit_fen = credit_fen + 1",
    "a closing balance is the tallies up to its date": "INSERT INTO accounts_closing "
    "SELECT account_id, business_date, debit_fen, credit_fen + 1 FROM accounts_tally WHERE credit_fen > 0 LIMIT 1",
    "debits are credits on every date": "UPDATE accounts_tally SET debit_fen = debit_fen + 1",
    "what the city holds is what it owes and has earned": "UPDATE accounts_tally SET credit_fen = credit_fen + 1",
    "the purses add up to their control account": "UPDATE accounts_purse SET balance_fen = balance_fen - 1 "
    "WHERE balance_fen > 0",
    "a purse is debited for what it has a document for": "UPDATE accounts_transfer SET debit_id = credit_id, "
    "credit_id = debit_id WHERE kind = 2",
    "a deposit is returned once, and not more than was taken": "INSERT INTO accounts_transfer SELECT id + 1000, "
    "business_date, 6, credit_id, debit_id, amount_fen - 1, journal_id, source_id, occurred_at FROM accounts_transfer "
    "WHERE kind = 5",
    "refunds payable are those not paid yet": "INSERT INTO accounts_tally SELECT id, '2026-03-02', 9, 0, 5, 1 "
    "FROM accounts_ledgeraccount WHERE code = '1011'; UPDATE accounts_ledgeraccount SET code = '2032', chart = '2032' "
    "WHERE code = '1011'",
    "a card is being refunded while its refund is under way": "UPDATE accounts_card SET state = 'refunding' "
    "WHERE state = 'active'",
    "a journal has transfers": "DELETE FROM accounts_transfer WHERE kind = 1",
    "a purse keeps floor and ceiling, those of its product": "UPDATE accounts_cardproduct SET balance_limit_fen = 1",
    "a purse account stands in the chart of the product it was sold as, under its control account": "UPDATE accounts_ledgeraccount "
    "SET code = '2011.1', chart = '2011' WHERE id = (SELECT account_id FROM accounts_purse ORDER BY card_id LIMIT 1)",
    "an account's side is its chart's": "UPDATE accounts_ledgeraccount SET side = 'C' WHERE code = '1011'",
    "value in transit is the paid orders not yet confirmed": "UPDATE accounts_transfer SET amount_fen = amount_fen + 1 "
    "WHERE kind = 1",
    "an order's postings are those of its state": "UPDATE accounts_topuporder SET state = 'init', paid_at = NULL WHERE state = 'paid'",
    "the load counters seen are those of confirmed orders": "UPDATE accounts_purse SET online_seen = '{[0,9)}'",
    "what is unused of passes is in account 2051": PASS_FROM_NOWHERE,
    "a pass is its rides, its time, its refund and what is unused": PASS_FROM_NOWHERE,
    "what a purse sets aside is what its holds reserve": HOLD_FROM_NOWHERE,
    "what is captured of a hold is its payments": HOLD_FROM_NOWHERE,
    "a payment or its refund is one transfer between its purse and its payee": PAYMENT_FROM_NOWHERE,
    "no payment is refunded beyond what was paid": REFUND_FROM_NOWHERE,
    "a document has the transfers that it asks for, and no transfer is without": "UPDATE accounts_transfer "
    "SET debit_id = (SELECT min(id) FROM accounts_ledgeraccount) WHERE kind = 1",
    "a refund empties its card into what is owed": REFUND_OF_NOTHING,
    "a credit of a dispute is its charge's, over its amount, for its card": "UPDATE accounts_topuporder "
    "SET channel = 'dispute' WHERE state = 'paid'",
    "what follows a replaced card is what it held, and all of it": "UPDATE accounts_topuporder "
    "SET channel = 'replaced' WHERE state = 'paid'",
    "a replaced card is out of use, and empty once its money has followed": "UPDATE accounts_card SET state = 'replaced' "
    "WHERE state = 'active'",
    "a card is replaced by one that was made for it": "INSERT INTO accounts_replacement (old_id, new_id, cause, fee_fen, "
    "due_on, requested_by, requested_at, state) SELECT id, 0, 'lost', 0, now(), 'x', now(), 'waiting' FROM accounts_card LIMIT 1",
    "what disputes have advanced is in account 1222": CREDIT_FROM_NOWHERE,
    "a card is where its last event left it": "UPDATE accounts_card SET state = 'closed' WHERE state = 'active'",
    "a card's events follow each other": "DELETE FROM accounts_cardevent WHERE target = 'issued'",
    "the triggers that guard the ledger are on": "ALTER TABLE accounts_transfer DISABLE TRIGGER append_only",
    "a level of stock is what its movements add up to and what lies there": STOCK_FROM_NOWHERE,
    "a card that was produced and is neither issued, scrapped nor lost is somewhere": STOCK_FROM_NOWHERE,
    "a card that somebody holds is out of stock": ITEM_OF_A_HOLDER,
    "cash that a clerk with an open drawer takes or gives is in that drawer, and nothing else is": DRAWER_FROM_NOWHERE
    % ("NULL", "open"),
    "the receipts of a hall and day are numbered without a gap": RECEIPTS_WITH_A_GAP,
    "a closed drawer held its float and what was booked to it, as it was counted": DRAWER_FROM_NOWHERE
    % ("'2026-01-01'", "closed"),
}


@pytest.mark.parametrize("rule", invariants.rules())
def test_tampering_is_found(rule: str, busy: Card) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(TAMPERING[rule])
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")
    found = invariants.broken()
    assert rule in {breach.invariant for breach in found}
    assert all(breach.subject and breach.detail for breach in found)


def test_a_partition_without_its_guard_is_found(busy: Card) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("DROP TRIGGER through_parent_only ON accounts_transfer_20260302")
    assert [breach.subject for breach in invariants.broken()] == [
        "accounts_transfer_20260302.through_parent_only"
    ]
