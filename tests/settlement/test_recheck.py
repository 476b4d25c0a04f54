"""Before money is made of a frozen date, its taps are proved again: what was altered since stops the date, by batch and line."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import Card
from citizencard.core.calendar import SHANGHAI, open_business_day
from citizencard.core.errors import KeyServiceUnavailable
from citizencard.core.keyservice.client import KeyServiceClient
from citizencard.core.keyservice.keystore import KeyStore
from settlement.errors import RecheckFailed
from settlement.models import ClearingPart, ClearingRun
from settlement.selectors.runs import progress
from settlement.services import clearing, rechecking
from settlement.services.clearing import clear_day, clear_due_days
from settlement.services.parts import Looked
from terminals.models import Tap, TerminalKey
from terminals.services.acceptance import accept_batch, recheck
from terminals.services.acceptance_policy import publish_acceptance_policy
from terminals.services.online.purchase import Sender, accept_at_once
from terminals.wire.batch import build_batch
from tests.factories import fill_purse, make_card
from tests.settlement.test_audit import tamper
from tests.terminals.fare_shelf import document, publish
from tests.terminals.field import Field

DAY = date(2026, 3, 2)
LIMIT_FEN = 5_000


@pytest.fixture
def field(db: None, key_service: KeyServiceClient, demo_keys: KeyStore) -> Field:
    """A terminal whose taps of the open DAY were accepted: six of a batch, one of them beyond the limit, and one online."""
    open_business_day(DAY)
    field, cards = Field.install(demo_keys), [make_card(), make_card()]
    publish_acceptance_policy(
        channel="bus",
        valid_from=DAY,
        purchase_limit_fen=LIMIT_FEN,
        hold_over_price=True,
        legal_basis="test",
        actor="test",
    )
    taps = [tapped(field, card, atc) for card in cards for atc in (1, 2)]
    for card in cards:
        fill_purse(card, 50_000)
    taps += [tapped(field, cards[0], 3, LIMIT_FEN + 1), tapped(field, cards[0], 4, LIMIT_FEN)]
    batch = accept_batch(terminal=field.terminal, body=build_batch("B1", taps))
    assert (batch.accepted, batch.suspended) == (4, 2)
    bought_online(field, cards[1], 3)
    return field


def tapped(field: Field, card: Card, atc: int, amount_fen: int = 200) -> Any:
    moment = timezone.now().replace(microsecond=0) - timedelta(minutes=5)
    return field.tap(card, atc, amount_fen, occurred_at=moment + timedelta(seconds=atc))


def bought_online(field: Field, card: Card, atc: int) -> None:
    key = TerminalKey.objects.get(terminal=field.terminal)
    sender = Sender(field.terminal.pk, key.pk, field.terminal.terminal_no)
    assert accept_at_once(sender=sender, body=tapped(field, card, atc).to_json().encode()) is not None


def test_what_was_accepted_is_proved_and_netted(field: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(Tap.objects.values_list("key_version", flat=True)) == {1}
    monkeypatch.setattr(recheck, "LANES", 3)
    monkeypatch.setattr(rechecking, "TAPS", 4)
    assert clear_day(day=DAY).taps == 5
    parts = ClearingPart.objects.filter(step=ClearingPart.Step.RECHECK)
    assert {part.name.split()[0] for part in parts} == {
        "TACs",
        "batches",
        "counters",
        "sequences",
        "prices",
        "caps",
    }
    assert parts.filter(name__startswith="TACs").count() == 2
    assert sum(step.unchecked for step in progress(DAY)) == 0


ALTERED = [
    ("UPDATE terminals_tap SET amount_fen = amount_fen + 1 WHERE line = 2", recheck.RULE),
    ("UPDATE terminals_tap SET tac = '\\x00000001' WHERE line = 2", recheck.RULE),
    ("UPDATE terminals_tap SET key_version = 77 WHERE line = 2", recheck.RULE),
    ("UPDATE terminals_tap SET kind = 9 WHERE line = 2", recheck.RULE),
    ("UPDATE terminals_tap SET occurred_at = occurred_at - interval '1 second' WHERE line = 2", recheck.RULE),
    ("UPDATE terminals_tap SET card_id = 0 WHERE line = 2", recheck.RULE),
    ("UPDATE terminals_tap SET terminal_id = 0 WHERE line = 2", recheck.RULE),
    ("UPDATE terminals_tap SET terminal_seq = terminal_seq + 100 WHERE line = 2", recheck.RULE),
    ("UPDATE terminals_tap SET atc = 77 WHERE line = 2", "a tap's counters are among those seen of its card and terminal"),
    ("DELETE FROM terminals_tap WHERE line = 2", "a batch has the taps that it was answered for"),
    ("UPDATE terminals_batch SET total_fen = total_fen + 1", "a batch has the taps that it was answered for"),
    ("INSERT INTO terminals_tap SELECT id + 1000, business_date, batch_id, line + 1000, terminal_id, merchant_id, card_id, 5,"
     " terminal_seq, kind, amount_fen, balance_fen, occurred_at, received_at, tac, outcome, note, trip, key_version"
     " FROM terminals_tap WHERE line = 2", "a terminal's sequence pays once a date"),
    ("UPDATE terminals_tap SET outcome = 1 WHERE outcome = 5", "what is paid lies within the policy of its own date, what is held beyond it"),
    ("UPDATE terminals_tap SET outcome = 1 WHERE outcome = 6", "what is paid lies within the policy of its own date, what is held beyond it"),
    ("UPDATE terminals_tap SET outcome = 7 WHERE outcome = 5", "what is paid lies within the policy of its own date, what is held beyond it"),
    ("UPDATE terminals_tap SET outcome = 5 WHERE line = 2", "what is paid lies within the policy of its own date, what is held beyond it"),
]  # fmt: skip


def test_whatever_was_altered_stops_the_date(field: Field) -> None:
    for change, rule in ALTERED:
        with undone():
            tamper(change)
            with pytest.raises(RecheckFailed):
                clear_day(day=DAY)
            assert ClearingRun.objects.get().state == ClearingRun.State.CUT_OFF
            findings = [text for part in ClearingPart.objects.all() for text in part.findings]
            assert any(text.startswith(rule) for text in findings), (change, findings)


@contextmanager
def undone() -> Iterator[None]:
    """What is done meanwhile is undone: one city serves all."""
    saved = transaction.savepoint()
    try:
        yield
    finally:
        transaction.savepoint_rollback(saved)


def test_a_wrong_tac_is_named_by_batch_and_line_and_proved_again_when_put_right(
    field: Field, caplog: pytest.LogCaptureFixture
) -> None:
    tap = Tap.objects.get(line=2, batch_id=Tap.objects.earliest("id").batch_id)
    tamper(f"UPDATE terminals_tap SET tac = '\\x00000001' WHERE id = {tap.id}")
    with pytest.raises(RecheckFailed, match="B1"), caplog.at_level(logging.ERROR):
        clear_day(day=DAY)
    found = f"{recheck.RULE}: {DAY} #{tap.id}: batch B1 of terminal {field.terminal.code}, line 2"
    assert found in caplog.text
    tamper(f"UPDATE terminals_tap SET tac = '\\x{bytes(tap.tac).hex()}' WHERE id = {tap.id}")
    assert clear_day(day=DAY).state == ClearingRun.State.CLEARED


def test_without_the_recheck_an_altered_proof_is_paid(field: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    tamper("UPDATE terminals_tap SET tac = '\\x00000001' WHERE line = 2")
    monkeypatch.setattr(clearing, "recheck", lambda part, day: Looked([]))
    assert clear_day(day=DAY).state == ClearingRun.State.CLEARED


def test_taps_from_before_key_versions_were_kept_are_counted(
    field: Field, caplog: pytest.LogCaptureFixture
) -> None:
    tamper("UPDATE terminals_tap SET key_version = NULL, tac = '\\x00000001' WHERE line = 2")
    with caplog.at_level(logging.WARNING):
        clear_day(day=DAY)
    assert sum(step.unchecked for step in progress(DAY)) == 1
    assert "1 taps not checkable" in caplog.text


def test_nothing_is_netted_while_the_key_service_is_away(
    field: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "KEY_SERVICE_SOCKET", "/nowhere/keys.sock")
    with pytest.raises(KeyServiceUnavailable):
        clear_due_days(today=DAY + timedelta(days=2))
    assert set(ClearingRun.objects.values_list("state", flat=True)) == {
        "cut_off",
        "cleared",
    }  # no taps on the second
    monkeypatch.undo()
    assert clear_day(day=DAY).state == ClearingRun.State.CLEARED


def test_a_policy_judges_nothing_that_came_in_before_it_was_published(field: Field) -> None:
    publish_acceptance_policy(
        channel="bus", valid_from=date(2026, 3, 1), purchase_limit_fen=1, legal_basis="late", actor="test"
    )
    yesterday = timezone.localdate() - timedelta(days=1)
    publish_acceptance_policy(
        channel="bus", valid_from=yesterday, purchase_limit_fen=1, legal_basis="late", actor="test"
    )
    assert clear_day(day=DAY).state == ClearingRun.State.CLEARED


def test_rides_beyond_their_cap_stop_the_date(field: Field) -> None:
    cap = {"tariffs": ["flat"], "period": "day", "starts": "04:00", "limit_fen": 300}
    publish(document("cap", "day", cap))
    morning = datetime.combine(DAY, time(3, 30), SHANGHAI)
    rides = [(morning, 200), (morning + timedelta(hours=1), 200), (morning + timedelta(hours=2), 101)]
    for atc, (ride_at, due_fen) in enumerate(rides):
        charged(field, atc, ride_at, due_fen)
    with pytest.raises(RecheckFailed, match="due 301 fen, at most 300"):
        clear_day(day=DAY)
    charged(field, 2, rides[2][0], 100, version=2)
    assert clear_day(day=DAY).state == ClearingRun.State.CLEARED


def charged(field: Field, atc: int, ride_at: datetime, due_fen: int, version: int = 1) -> None:
    """A ride of a card as pricing keeps it."""
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO terminals_farecharge (business_date, card_id, atc, version, merchant_id, tariff, ride_at, charged_fen,
                full_fen, due_fen, given_fen, how, derivation, digest, priced_at)
            VALUES (%s, 1, %s, %s, %s, 'flat', %s, %s, %s, %s, 0, '', '{}', sha256('{}'), now())""",
            [DAY, atc, version, field.terminal.merchant_id, ride_at, due_fen, due_fen, due_fen],
        )
