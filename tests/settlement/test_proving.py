"""A sealed date is proved: both trees, a chain of signed heads, nothing twice, nothing out of order, nothing altered since."""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from accounts.models import Purse, Transfer
from benchmarks.city import Purchase, found_city, tap, tap_many
from citizencard.core.errors import KeyServiceUnavailable, NotFound
from citizencard.core.keyservice.client import key_service
from settlement.errors import DayNotSealed, LiabilitiesDiffer, TreeDiffers
from settlement.models import ProofHead, TransferBlock
from settlement.selectors import invariants
from settlement.selectors.proof_checks import CHAIN_RULE, PURSES_RULE, TRANSFERS_RULE, altered, broken_chain
from settlement.selectors.proofs import consistency, published_heads, published_keys, unproved_days
from settlement.selectors.receipts import balance_proof, transfer_receipt
from settlement.services import clearing, proving
from settlement.services.clearing import clear_day
from settlement.services.proving import prove_day, prove_due_days
from tests.settlement.small_city import DAY, NEXT_DAY
from tests.settlement.test_merkle import defined
from tests.settlement.verifier import holds

KEYS = 1


@contextmanager
def as_superuser() -> Iterator[None]:
    """Past every trigger, as who owns the database and its server."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        yield
        cursor.execute("SET LOCAL session_replication_role = origin")


def execute(statement: str) -> None:
    with as_superuser(), connection.cursor() as cursor:
        cursor.execute(statement)


def purse(card: int) -> Purse:
    return Purse.objects.select_related("card").get(card__pan=f"31043970{90_000_000_000 + card}")


def receipt_of(transfer: Transfer, *accounts: int) -> dict[str, object]:
    return transfer_receipt(
        account_ids=accounts or (transfer.debit_id,), day=transfer.business_date, transfer_id=transfer.id
    )


def leaf_of(transfer: Transfer) -> bytes:
    """By the description, without the code that hashes in bulk."""
    salts = key_service().proof_salts(
        f"transfers {transfer.business_date}", struct.pack(">q", transfer.id), key_version=KEYS
    )
    occurred = transfer.occurred_at - datetime(1970, 1, 1, tzinfo=UTC)
    numbers = (
        int(transfer.business_date.strftime("%Y%m%d")), transfer.id, transfer.kind, transfer.debit_id, transfer.credit_id,
        transfer.amount_fen, transfer.journal_id, transfer.source_id, occurred // timedelta(microseconds=1),
    )  # fmt: skip
    return hashlib.sha256(b"\0" + struct.pack(">9q", *numbers) + salts).digest()


def test_clearing_proves_the_date_and_everything_can_be_checked_outside(city: date, tmp_path: Path) -> None:
    clear_day(day=city)
    clear_day(day=NEXT_DAY)

    first, second = ProofHead.objects.order_by("size")
    assert (first.business_date, second.business_date) == (city, NEXT_DAY)
    transfers = Transfer.objects.filter(business_date=city).order_by("id")
    assert bytes(first.transfers_root) == defined([leaf_of(each) for each in transfers])
    assert first.liabilities_fen == sum(Purse.objects.values_list("balance_fen", flat=True))
    assert (second.transfers, bytes(second.transfers_root)) == (0, hashlib.sha256(b"").digest())
    heads = {"kind": "heads", "heads": published_heads(after=0, limit=9)}
    for each in transfers:
        assert holds(tmp_path, keys=published_keys(), heads=heads, receipt=receipt_of(each))
    balances = [balance_proof(account_id=purse(card).account_id) for card in (1, 2, 3)]
    files = {f"balance{n}": balance for n, balance in enumerate(balances)}
    later = {"proof": consistency(before=1, size=2), "same": consistency(before=2, size=2)}
    assert holds(tmp_path, keys=published_keys(), **files, **later)
    assert sum(each["balance"]["balance_fen"] for each in balances) == second.liabilities_fen
    assert [*broken_chain(), *altered([first, second]), *invariants.broken()] == []


def test_proving_again_changes_nothing_and_a_rebuilt_proof_is_the_same(city: date) -> None:
    clear_day(day=city)
    head = ProofHead.objects.get()
    assert (clear_day(day=city).state, prove_due_days(), prove_day(day=city)) == ("cleared", [], head)
    blocks = list(TransferBlock.objects.values_list("first_id", "node"))

    tap(NEXT_DAY, [Purchase(1, 1, 100)])  # what comes later is not of the date
    execute(
        "DELETE FROM settlement_purseblock; DELETE FROM settlement_transferblock; DELETE FROM settlement_proofhead"
    )

    again = prove_day(day=city)
    assert (again.entry, bytes(again.log_root)) == (head.entry, bytes(head.log_root))
    assert list(TransferBlock.objects.values_list("first_id", "node")) == blocks


def test_a_date_is_proved_when_it_and_all_before_it_are_sealed(
    city: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DayNotSealed):
        prove_day(day=city)
    monkeypatch.setattr(clearing, "failing", lambda check, *, day: ["odd"] if day == city else [])
    with pytest.raises(clearing.AuditBroken):
        clear_day(day=city)
    assert clear_day(day=NEXT_DAY).state == "cleared"
    assert (prove_due_days(), unproved_days()) == ([], [NEXT_DAY])
    with pytest.raises(DayNotSealed):
        prove_day(day=NEXT_DAY)

    monkeypatch.setattr(clearing, "failing", lambda check, *, day: [])
    clear_day(day=city)

    assert list(ProofHead.objects.values_list("business_date", flat=True)) == [city, NEXT_DAY]
    assert unproved_days() == []


def test_without_the_key_service_the_date_is_cleared_and_proved_later_as_of_its_close(
    city: date, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(role: str) -> None:
        raise KeyServiceUnavailable

    with monkeypatch.context() as night:
        night.setattr(proving, "key_service", away)
        assert clear_day(day=city).state == "cleared"
    assert "prove_due_days" in caplog.text
    assert unproved_days() == [city]
    closing = {card: purse(card).balance_fen for card in (1, 2, 3)}
    tap(NEXT_DAY, [Purchase(1, 1, 700), Purchase(2, 2, 50)])

    clear_day(day=NEXT_DAY)

    first, second = ProofHead.objects.order_by("size")
    assert first.liabilities_fen == sum(closing.values()) == second.liabilities_fen + 750


def test_a_large_date_is_proved_block_by_block(db: None, tmp_path: Path) -> None:
    found_city(DAY, merchants=4, cards=60)
    tap_many(DAY, merchants=4, cards=60, taps=2_300)
    clear_day(day=DAY)

    head = ProofHead.objects.get()
    transfers = list(Transfer.objects.order_by("id"))
    assert len(transfers) == head.transfers > 2 * 1_024
    assert bytes(head.transfers_root) == defined([leaf_of(each) for each in transfers])
    for index in (0, 1_023, 1_024, 2_047, 2_048, len(transfers) - 1):
        receipt = receipt_of(transfers[index])
        assert receipt["index"] == index
        assert holds(tmp_path, keys=published_keys(), receipt=receipt)


def test_purses_below_nought_are_claims_and_outside_of_the_tree(
    city: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute("UPDATE accounts_purse SET floor_fen = -1000")
    poor = purse(1)
    tap(city, [Purchase(1, 1, poor.balance_fen + 300)])
    empty = purse(2)
    tap(city, [Purchase(1, 2, empty.balance_fen)])
    monkeypatch.setattr(clearing, "failing", lambda check, *, day: [])  # the floor is not the product's

    clear_day(day=city)

    head = ProofHead.objects.get()
    assert (head.purses, head.claims_fen, head.liabilities_fen) == (1, 300, purse(3).balance_fen)
    for each in (poor, empty):
        with pytest.raises(NotFound):
            balance_proof(account_id=each.account_id)


def test_purses_that_the_ledger_does_not_owe_are_not_signed(
    city: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(
        "UPDATE accounts_purse SET balance_fen = balance_fen + 7 WHERE id = (SELECT min(id) FROM accounts_purse)"
    )
    monkeypatch.setattr(clearing, "failing", lambda check, *, day: [])
    clear_day(day=city)
    assert not ProofHead.objects.exists()
    with pytest.raises(LiabilitiesDiffer):
        prove_day(day=city)


TAMPERINGS = {
    "UPDATE accounts_transfer SET amount_fen = amount_fen + 1 WHERE kind = 10 AND amount_fen = 200": TRANSFERS_RULE,
    "UPDATE accounts_transfer SET credit_id = credit_id + 1 WHERE kind = 10 AND amount_fen = 350": TRANSFERS_RULE,
    "UPDATE accounts_transfer SET occurred_at = occurred_at + interval '1 us' WHERE kind = 10 AND amount_fen = 350": TRANSFERS_RULE,
    "DELETE FROM accounts_transfer WHERE kind = 12": TRANSFERS_RULE,
    "UPDATE settlement_transferblock SET node = sha256(node)": TRANSFERS_RULE,
    "UPDATE accounts_purse SET balance_fen = balance_fen + 1 WHERE id = (SELECT min(id) FROM accounts_purse)": PURSES_RULE,
    "UPDATE settlement_purseblock SET leaves = substr(leaves, 17)": PURSES_RULE,
    "UPDATE settlement_proofhead SET liabilities_fen = liabilities_fen + 1": CHAIN_RULE,
    "UPDATE settlement_proofhead SET log_root = sha256(log_root)": CHAIN_RULE,
    "UPDATE settlement_proofhead SET made_at = made_at - interval '1 day'": CHAIN_RULE,
}


def test_whatever_is_altered_past_the_triggers_is_found(city: date) -> None:
    clear_day(day=city)
    for statement, rule in TAMPERINGS.items():
        saved = transaction.savepoint()
        execute(statement)
        found = [*broken_chain(), *altered(ProofHead.objects.order_by("size"))]
        assert rule in {each.invariant for each in found}, statement
        output = io.StringIO()
        with pytest.raises(SystemExit) as exited:
            call_command("verify_proofs", stdout=output)
        assert exited.value.code == 1
        assert "differ: 1 dates" in output.getvalue()
        if rule == CHAIN_RULE:
            assert rule in {each.invariant for each in invariants.broken()}
        transaction.savepoint_rollback(saved)
    output = io.StringIO()
    call_command("verify_proofs", city.isoformat(), stdout=output)
    assert output.getvalue() == "everything is what was signed: 1 dates\n"


def test_no_receipt_is_given_out_of_altered_books(city: date, caplog: pytest.LogCaptureFixture) -> None:
    clear_day(day=city)
    mine, others = Transfer.objects.filter(business_date=city, kind=10).order_by("id")[:2]
    execute(f"UPDATE accounts_transfer SET amount_fen = amount_fen + 1 WHERE id = {others.id}")
    with pytest.raises(TreeDiffers):
        receipt_of(mine)
    assert "not what was proved" in caplog.text


def test_nobody_gets_a_receipt_of_what_is_not_theirs_or_not_proved(city: date) -> None:
    transfer = Transfer.objects.filter(kind=10).earliest("id")
    with pytest.raises(NotFound):
        receipt_of(transfer)
    clear_day(day=city)
    with pytest.raises(NotFound):
        receipt_of(transfer, purse(3).account_id)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE settlement_proofhead SET claims_fen = 1",
        "DELETE FROM settlement_transferblock",
        "UPDATE settlement_purseblock SET leaves = ''",
        "INSERT INTO settlement_proofhead SELECT (jsonb_populate_record(head, '{\"size\": 3}')).* FROM settlement_proofhead AS head",
        'INSERT INTO settlement_proofhead SELECT (jsonb_populate_record(head, \'{"size": 2, "previous_id": 1}\')).*'
        " FROM settlement_proofhead AS head",
    ],
)
def test_the_database_keeps_heads_and_their_chain(city: date, statement: str) -> None:
    clear_day(day=city)
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_prove_day_shows_the_head(city: date) -> None:
    clear_day(day=city)
    output = io.StringIO()
    call_command("prove_day", city.isoformat(), stdout=output)
    assert output.getvalue().startswith("2026-11-02: 15 transfers, 3 purses with 146,951 fen, log of 1 dates")
    output = io.StringIO()
    call_command("prove_day", city.isoformat(), "--json", stdout=output)
    assert '"size": 1' in output.getvalue()
    with pytest.raises(CommandError, match="2026-11-03"):
        call_command("prove_day", NEXT_DAY.isoformat())
