"""Every record of a batch ends in exactly one place, and the ledger follows."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Card, LedgerAccount, Purse, Transfer
from terminals.models import Batch, Refusal, Tap
from terminals.services.acceptance import accept_batch, accept_tap
from terminals.services.hotlist import report_loss
from terminals.wire.batch import build_batch
from terminals.wire.record import TapRecord
from tests.factories import NOON
from tests.terminals.field import Field

pytestmark = pytest.mark.django_db


def upload(field: Field, *records: TapRecord, number: str = "B1") -> Batch:
    return accept_batch(terminal=field.terminal, body=build_batch(number, records))


def counts(batch: Batch) -> tuple[int, int, int, int]:
    return batch.accepted, batch.suspended, batch.duplicate, batch.rejected


def transfer_of(tap: Tap) -> tuple[str, str, int]:
    """(debit chart, credit chart, fen) of a tap's one transfer."""
    transfer = Transfer.objects.get(source_id=tap.id, kind__in=(10, 11, 12))
    chart = dict(LedgerAccount.objects.values_list("id", "chart"))
    return chart[transfer.debit_id], chart[transfer.credit_id], transfer.amount_fen


def balance(card: Card) -> int:
    return Purse.objects.get(card=card).balance_fen


def test_an_accepted_tap_debits_the_purse_for_the_merchant(field: Field, card: Card) -> None:
    batch = upload(field, field.tap(card, 1, 300, place="东湖"))
    assert counts(batch) == (1, 0, 0, 0)
    tap = Tap.objects.get()
    assert (tap.outcome, tap.card_id, tap.note, tap.batch_id) == (
        Tap.Outcome.ACCEPTED,
        card.pk,
        "东湖",
        batch.pk,
    )
    assert transfer_of(tap) == ("2012", "2202", 300)
    assert balance(card) == 9_700
    assert batch.answer["problems"] == []
    assert batch.answer["accepted_fen"] == 300


def test_a_trip_travels_with_its_tap(field: Field, card: Card) -> None:
    trip = "out:S07:S02:20260302113000@K1"
    upload(
        field,
        field.tap(card, 1, 300, place="东湖", trip=trip),
        field.tap(card, 2, 100, trip="in:S07"),
        field.tap(card, 3),
    )
    assert list(Tap.objects.order_by("atc").values_list("note", "trip")) == [
        ("东湖", trip),
        ("", "in:S07"),
        ("", ""),
    ]
    online = accept_tap(terminal=field.terminal, body=field.tap(card, 4, trip="@K1").to_json().encode())
    assert Tap.objects.get(batch_id=online.pk).trip == "@K1"


def test_a_wrong_trip_is_named_in_the_answer(field: Field, card: Card) -> None:
    batch = upload(field, field.tap(card, 1, trip="through:S07"))
    (problem,) = batch.answer["problems"]
    assert (problem["code"], problem["field"]) == ("illegal_data", "trip")
    assert problem["rule"].startswith("must be in:STOP, out:STOP")


def test_an_entry_without_fare_is_a_tap_without_transfer(field: Field, card: Card) -> None:
    upload(field, field.tap(card, 1, 0, type=9))
    assert Tap.objects.get().amount_fen == 0
    assert not Transfer.objects.filter(kind=Transfer.Kind.PURCHASE).exists()


def test_a_repeat_in_another_batch_is_a_duplicate(field: Field, card: Card) -> None:
    tap = field.tap(card, 1)
    upload(field, tap)
    again = upload(field, tap, tap, number="B2")
    assert counts(again) == (0, 0, 2, 0)
    assert Tap.objects.count() == 1
    assert balance(card) == 9_800
    assert [item.code for item in Refusal.objects.all()] == ["duplicate", "duplicate"]
    assert Refusal.objects.first().record == tap.to_json()  # type: ignore[union-attr]


def test_a_right_tac_with_a_new_card_counter_is_still_the_same_purchase(field: Field, card: Card) -> None:
    tap = field.tap(card, 1)
    upload(field, tap)
    assert counts(upload(field, replace(tap, atc=2, balance_fen=1), number="B2")) == (0, 0, 1, 0)
    assert balance(card) == 9_800


@pytest.mark.parametrize("position", range(4))
def test_a_tac_wrong_in_any_byte_is_rejected(field: Field, card: Card, position: int) -> None:
    tap = field.tap(card, 1)
    forged = bytearray.fromhex(tap.tac)
    forged[position] ^= 0x01
    batch = upload(field, replace(tap, tac=forged.hex().upper()))
    assert counts(batch) == (0, 0, 0, 1)
    assert batch.answer["problems"][0]["code"] == "bad_tac"
    assert batch.answer["problems"][0]["card_no"] == card.pan
    assert not Tap.objects.exists()
    assert balance(card) == 10_000


def test_a_forged_copy_is_no_duplicate_and_does_not_block_the_true_record(field: Field, card: Card) -> None:
    tap = field.tap(card, 1)
    forged = upload(field, replace(tap, amount_fen=100))
    assert forged.answer["problems"][0]["code"] == "bad_tac"
    assert counts(upload(field, tap, number="B2")) == (1, 0, 0, 0)
    assert upload(field, replace(tap, amount_fen=100), number="B3").answer["problems"][0]["code"] == "bad_tac"


def test_a_lost_card_pays_into_suspense_from_its_report_on(field: Field, card: Card) -> None:
    before, after = field.tap(card, 1), field.tap(card, 2, occurred_at=NOON + timedelta(hours=2))
    report_loss(card=card, actor="clerk", reason="lost", occurred_at=NOON + timedelta(hours=1))
    assert counts(upload(field, before, after)) == (1, 1, 0, 0)
    held = Tap.objects.get(atc=2)
    assert held.outcome == Tap.Outcome.HOT_LISTED
    assert transfer_of(held) == ("2012", "2241", 200)
    assert balance(card) == 9_600


def test_a_counter_used_twice_is_suspended(field: Field, card: Card) -> None:
    batch = upload(field, field.tap(card, 1), field.tap(card, 1, 500))
    assert counts(batch) == (1, 1, 0, 0)
    clone = Tap.objects.get(outcome=Tap.Outcome.COUNTER_CONFLICT)
    assert transfer_of(clone) == ("1221", "2241", 500)
    assert counts(upload(field, field.tap(card, 1, 700), number="B2")) == (0, 1, 0, 0)
    assert balance(card) == 9_800


def test_what_exceeds_the_purse_becomes_a_claim_and_smaller_ones_still_fit(field: Field, card: Card) -> None:
    taps = [field.tap(card, 1, 6_000), field.tap(card, 2, 6_000), field.tap(card, 3, 4_000)]
    assert counts(upload(field, *reversed(taps))) == (2, 1, 0, 0)
    over = Tap.objects.get(outcome=Tap.Outcome.OVER_BALANCE)
    assert over.atc == 2
    assert transfer_of(over) == ("1221", "2202", 6_000)
    assert balance(card) == 0


def test_each_rule_broken_is_named_and_the_rest_is_kept(field: Field, card: Card) -> None:
    good = field.tap(card, 1)
    future = field.tap(card, 2, occurred_at=timezone.now() + timedelta(hours=1))
    stranger = field.tap(card, 3, terminal_no="FFFFFFFFFFFF")
    unknown = field.tap(card, 4, card_no="9" * 16)
    lines = [record.to_json() for record in (good, future, stranger, unknown)] + [
        "{]",
        good.to_json()[:-1] + ',"x":1}',
    ]
    total = sum(record.amount_fen for record in (good, future, stranger, unknown))
    header = json.dumps({"batch_no": "B1", "count": 6, "total_fen": total})
    batch = accept_batch(terminal=field.terminal, body="\n".join([header, *lines]).encode())
    assert counts(batch) == (1, 0, 0, 5)
    problems = {problem["line"]: (problem["code"], problem["rule"]) for problem in batch.answer["problems"]}
    assert [problems[line][0] for line in (3, 4, 5, 6, 7)] == [
        "future", "terminal_mismatch", "unknown_card", "illegal_data", "illegal_data",
    ]  # fmt: skip
    assert problems[7][1] == "is not a field of a tap record"
    assert list(Refusal.objects.order_by("line").values_list("record", flat=True)) == lines[1:]


def test_hostile_bytes_in_a_record_are_kept_and_refused(field: Field) -> None:
    body = b'{"batch_no":"B1","count":3,"total_fen":0}\n\x00\n{"\\u0000":1}\n{"\\ud800":1,"\\ud800":2}\n'
    batch = accept_batch(terminal=field.terminal, body=body)
    assert counts(batch) == (0, 0, 0, 3)
    assert Refusal.objects.count() == 3


@pytest.mark.parametrize(
    ("header", "rule"),
    [
        ('{"batch_no":"B1","count":2,"total_fen":200}', "count"),
        ('{"batch_no":"B1","count":1,"total_fen":201}', "total"),
        ('{"batch_no":"B1","count":1}', "header"),
        ('{"batch_no":"online-1","count":1,"total_fen":200}', "header"),
        ('{"batch_no":"B1","count":true,"total_fen":200}', "header"),
        ("", "header"),
    ],
)
def test_a_wrong_header_refuses_the_whole_and_keeps_it(
    field: Field, card: Card, header: str, rule: str
) -> None:
    tap = field.tap(card, 1)
    body = f"{header}\n{tap.to_json()}\n".encode()
    refused = accept_batch(terminal=field.terminal, body=body)
    assert refused.state == Batch.State.REFUSED
    assert (refused.answer["status"], refused.answer["rule"]) == (422, rule)
    assert bytes(refused.body or b"") == body
    assert not Tap.objects.exists()
    assert balance(card) == 10_000
    assert accept_batch(terminal=field.terminal, body=body).pk == refused.pk
    corrected = upload(field, tap)
    assert counts(corrected) == (1, 0, 0, 0)
    assert Batch.objects.count() == 2


def test_an_online_purchase_is_a_batch_of_one(field: Field, card: Card) -> None:
    tap = field.tap(card, 1, 700)
    batch = accept_tap(terminal=field.terminal, body=tap.to_json().encode())
    assert batch.number == f"online-{tap.terminal_seq}"
    assert batch.online
    assert batch.answer["result"] == "accepted"
    assert (batch.answer["fare_fen"], batch.answer["balance_fen"]) == (700, 99_300)
    assert batch.answer["reason"] == {"code": "accepted", "zh": "交易成功", "en": "Paid"}
    spaced = tap.to_json().replace(",", ", ").encode()
    assert accept_tap(terminal=field.terminal, body=spaced).pk == batch.pk
    assert counts(upload(field, tap)) == (0, 0, 1, 0)


def test_an_unreadable_online_record_is_kept_once(field: Field) -> None:
    for _ in range(2):
        batch = accept_tap(terminal=field.terminal, body=b"\xff{")
        assert batch.answer["result"] == "rejected"
        assert batch.answer["status"] == 422
    assert Refusal.objects.count() == 1


def test_an_empty_batch_is_a_batch(field: Field) -> None:
    assert counts(upload(field)) == (0, 0, 0, 0)
