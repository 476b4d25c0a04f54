"""The short way of a purchase, the long one and a batch: one verdict, one ledger, whichever is gone and in which order."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Card, LedgerAccount, Purse
from accounts.selectors import invariants as ledger
from accounts.services.ledger import set_account_state
from citizencard.core.calendar import open_business_day
from terminals.models import Batch, Refusal, Tap, Terminal
from terminals.selectors.invariants import broken
from terminals.services.acceptance import accept_batch, accept_tap
from terminals.services.acceptance_policy import publish_acceptance_policy
from terminals.services.field import publish_tariff
from terminals.services.fleet import revoke_terminal
from terminals.services.hotlist import report_loss
from terminals.services.online.purchase import Sender, accept_at_once
from terminals.wire.batch import build_batch
from terminals.wire.errors import SignatureError
from terminals.wire.plain_signature import read_plain
from terminals.wire.record import TapRecord
from terminals.wire.signature import SignedMessage, sign_request, verify_request
from tests.factories import NOON, fill_purse, make_card, make_product
from tests.fixtures_accounts import TODAY
from tests.terminals.acceptance.test_any_order import books
from tests.terminals.field import Field, deliver

pytestmark = pytest.mark.django_db


class _Undo(Exception):
    pass


def sender(field: Field) -> Sender:
    return Sender(field.terminal.pk, field.terminal.keys.get().pk, field.terminal.terminal_no)


def short(field: Field, record: TapRecord) -> Any:
    """The answer of the short way, or of the long one where it gives none."""
    body = record.to_json().encode()
    answer = accept_at_once(sender=sender(field), body=body, now=NOW)
    return answer if answer is not None else long(field, record)


def long(field: Field, record: TapRecord) -> Any:
    """The answer of the way that every upload goes; 409 as such."""
    try:
        with transaction.atomic():
            return accept_tap(terminal=field.terminal, body=record.to_json().encode(), now=NOW).answer
    except Exception as error:
        return type(error).__name__


EXAMPLES = int(os.environ.get("EXAMPLES", "8"))
"""How many the properties try; more on demand."""
NOW = NOON + timedelta(hours=2)
POLICY = {"channel": "bus", "legal_basis": "test", "actor": "clerk"}


@dataclass
class Town:
    """A terminal and cards of every condition."""

    field: Field
    cards: list[Card]


@pytest.fixture
def town(field: Field, card: Card) -> Town:
    """A card with money, one that may overdraw, one that is frozen, one on the hot list from noon on, one not activated.

    Before the day of the test nothing above the flat fare of 2 yuan was to be paid, and nothing over 12 yuan.
    """
    publish_acceptance_policy(
        **POLICY, valid_from=date(2026, 1, 1), purchase_limit_fen=1_200, late_days=20, hold_over_price=True
    )
    publish_acceptance_policy(
        **POLICY, valid_from=TODAY, purchase_limit_fen=1_500, late_days=30, hold_over_price=False
    )
    rider = make_card(product=make_product(overdraft_fen=500))
    frozen, lost, inert = make_card(), make_card(), make_card(state=Card.State.ISSUED)
    for other in rider, frozen, lost, inert:
        fill_purse(other, 1_000)
    set_account_state(
        account=frozen.purse.account, state=LedgerAccount.State.FROZEN, actor="auditor", reason="court"
    )
    report_loss(card=lost, actor="clerk", reason="lost", occurred_at=NOON)
    return Town(field, [card, rider, frozen, lost, inert])


TAPS = st.lists(
    st.tuples(
        st.integers(0, 4),  # card
        st.integers(0, 3),  # its counter
        st.integers(1, 4),  # the terminal's
        st.sampled_from([0, 1, 200, 400, 1_000, 1_001, 1_500, 1_501, 10_000]),
        st.sampled_from(
            ["", "", "", "tac", "card", "terminal", "future", "early", "yesterday", "late", "trip"]
        ),
    ),
    min_size=1,
    max_size=5,
)


def record_of(town: Town, tap: tuple[int, int, int, int, str]) -> TapRecord:
    which, atc, seq, amount, flaw = tap
    changes: dict[str, Any] = {
        "card": {"card_no": "9" * 19},
        "terminal": {"terminal_no": "FFFFFFFFFFFF"},
        "future": {"occurred_at": NOW + timedelta(seconds=601)},
        "early": {"occurred_at": NOON - timedelta(hours=1)},
        "yesterday": {"occurred_at": NOON - timedelta(days=1)},
        "late": {"occurred_at": NOON - timedelta(days=40)},
        "trip": {"trip": "@K1", "place": "东湖"},
    }.get(flaw, {})
    record = town.field.tap(town.cards[which], atc, amount, terminal_seq=seq, **changes)
    return replace(record, tac=f"{int(record.tac, 16) ^ 1:08X}") if flaw == "tac" else record


def everything() -> tuple[object, ...]:
    """The books, what is kept of each upload, and all counters."""
    batches = sorted(
        Batch.objects.values_list("number", "digest", "state", "online", "records", "total_fen", "accepted",
        "suspended", "duplicate", "rejected", "received_at", "business_date"), key=str,
    )  # fmt: skip
    answers = sorted(
        json.dumps(answer, sort_keys=True) for answer in Batch.objects.values_list("answer", flat=True)
    )
    taps = sorted(
        Tap.objects.values_list("line", "terminal_id", "merchant_id", "kind", "balance_fen", "occurred_at",
        "received_at", "tac", "note", "trip", "terminal_seq"), key=str,
    )  # fmt: skip
    return (*books(), [[bytes(field) if isinstance(field, memoryview) else field for field in row] for row in batches],
        answers, [[bytes(field) if isinstance(field, memoryview) else field for field in row] for row in taps],
        sorted(Refusal.objects.values_list("code", "record")), counters())  # fmt: skip


def counters() -> list[str]:
    found = [*Purse.objects.order_by("pk").values_list("offline_seen", "movements")]
    found += Terminal.objects.order_by("pk").values_list("sequences_seen", "tapped_at")
    return [str(one) for one in found]


def after(steps: Any, look: Any) -> tuple[Any, Any]:
    """What steps gave and what they left behind; undone again."""
    seen: tuple[Any, Any] = (None, None)
    try:
        with transaction.atomic():
            gave = [step() for step in steps]
            assert broken() + ledger.broken() == []
            seen = gave, look()
            raise _Undo
    except _Undo:
        return seen


PROPERTY = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@PROPERTY
@given(taps=TAPS)
def test_the_short_way_says_and_writes_what_the_long_one_does(town: Town, taps: list[Any]) -> None:
    records = [record_of(town, tap) for tap in taps]
    by_short = after([lambda r=r: short(town.field, r) for r in records], everything)  # type: ignore[misc]
    by_long = after([lambda r=r: long(town.field, r) for r in records], everything)  # type: ignore[misc]
    assert by_short == by_long


def batched(field: Field, record: TapRecord, number: str) -> str:
    """The reason's code from a batch of one."""
    answer = accept_batch(terminal=field.terminal, body=build_batch(number, [record]), now=NOW).answer
    return str(answer["problems"][0]["code"]) if answer["problems"] else "accepted"


@PROPERTY
@given(taps=TAPS, ways=st.lists(st.sampled_from(["o", "b", "ob", "bo", "oob"]), min_size=5, max_size=5))
def test_online_in_a_batch_or_both_comes_to_the_same(town: Town, taps: list[Any], ways: list[str]) -> None:
    """The first verdict is the verdict, and what comes after it moves nothing."""
    records = [record_of(town, (tap[0], tap[1], seq, *tap[3:])) for seq, tap in enumerate(taps, 1)]

    def sent(record: TapRecord, way: str) -> str:
        given = [
            short(town.field, record)["reason"]["code"]
            if step == "o"
            else batched(town.field, record, f"{record.terminal_seq}-{at}")
            for at, step in enumerate(way)
        ]
        return str(given[0])

    mixed = after(
        [lambda r=r, w=w: sent(r, w) for r, w in zip(records, ways, strict=False)],  # type: ignore[misc]
        lambda: (books(), counters()),
    )
    plain = after([lambda r=r: sent(r, "b") for r in records], lambda: (books(), counters()))  # type: ignore[misc]
    assert mixed == plain


def test_a_new_version_of_the_tariff_counts_at_once(field: Field, card: Card) -> None:
    """What is kept in mind of a price is asked for again where it matters."""
    publish_acceptance_policy(**POLICY, valid_from=TODAY, purchase_limit_fen=5_000, late_days=10_000)

    def result(atc: int) -> str:
        answer = deliver(tap_request(field, field.tap(card, atc, 300))).json()  # type: ignore[attr-defined]
        return str(answer["reason"]["code"])

    assert [result(1), result(2)] == ["over_price"] * 2
    dearer = {
        "code": "flat",
        "name": "一票制",
        "kind": "flat",
        "rule": {"fare_fen": 300},
        "legal_basis": "test",
    }
    publish_tariff(**dearer, valid_from=TODAY)
    assert [result(3), result(4)] == ["accepted"] * 2


def tap_request(field: Field, record: TapRecord, **changes: Any) -> Any:
    return field.signed("POST", "/api/v1/taps", record.to_json().encode(), "application/json", **changes)


def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What goes to the database by the short way from now on."""
    from accounts.services import ledger
    from citizencard.core.prepared import fetch_one
    from terminals.api import signing_keys

    made: list[str] = []

    def counting(query: str, values: Any, **how: bool) -> tuple[Any, ...]:
        made.append(query)
        return fetch_one(query, values, **how)

    for module in ledger, signing_keys:
        monkeypatch.setattr(module, "fetch_one", counting)
    return made


def test_it_is_one_call_once_the_key_is_known(
    field: Field, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(tap_request(field, field.tap(card, 1)))
    made = calls(monkeypatch)
    for atc in range(2, 5):
        request = tap_request(field, field.tap(card, atc))
        with CaptureQueriesContext(connection) as other:
            for _ in range(2):
                assert deliver(request).status_code == 200
        assert [query["sql"][:9] for query in other if "SAVEPOINT" not in query["sql"]] == []
    assert len(made) == 6


def test_what_takes_a_judge_takes_as_many_statements_each_time(field: Field, card: Card) -> None:
    def statements(record: TapRecord) -> int:
        with CaptureQueriesContext(connection) as made:
            assert deliver(tap_request(field, record)).status_code == 422
        return len(made)

    forged = [replace(field.tap(card, atc), tac="00000000") for atc in (1, 2, 3)]
    deliver(tap_request(field, forged[0]))  # opens the suspense accounts
    assert statements(forged[1]) == statements(forged[2])


def test_both_ways_answer_the_same_bytes(field: Field, card: Card) -> None:
    record = field.tap(card, 1, 700, place="东湖")
    at_once = deliver(tap_request(field, record))
    again = deliver(tap_request(field, record), **{"Content-Encoding": "identity"})  # by the view
    assert (again.status_code, again.content) == (200, at_once.content)
    assert at_once.headers["Content-Type"] == again.headers["Content-Type"]


def test_a_key_in_memory_is_nothing_once_it_is_revoked(field: Field, card: Card) -> None:
    record = field.tap(card, 1)
    assert deliver(tap_request(field, record)).status_code == 200
    revoke_terminal(terminal=field.terminal, actor="clerk", reason="stolen")
    for again in record, field.tap(card, 2):
        answer = deliver(tap_request(field, again))
        assert (answer.status_code, answer.json()["code"]) == (401, "key_revoked")  # type: ignore[attr-defined]
    assert Tap.objects.count() == 1


def test_a_key_in_memory_is_no_other_terminals(field: Field, card: Card) -> None:
    """Were it remembered wrongly, the database would still ask whose it is."""
    other = Field.install(field.keys)
    record = field.tap(card, 1)
    strange = replace(sender(field), key_id=sender(other).key_id)
    assert accept_at_once(sender=strange, body=record.to_json().encode()) is None
    elsewhere = replace(sender(field), terminal_no=other.terminal.terminal_no)
    foreign = field.tap(card, 2, terminal_no=other.terminal.terminal_no)
    assert accept_at_once(sender=elsewhere, body=foreign.to_json().encode()) is None
    assert not Tap.objects.exists()


def test_a_day_that_is_not_open_is_told_by_the_long_way(field: Field, card: Card) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE core_businessday SET state = 'closing'")
    answer = deliver(tap_request(field, field.tap(card, 1)))
    assert (answer.status_code, answer.json()["code"]) == (503, "no_open_business_day")  # type: ignore[attr-defined]


@pytest.mark.django_db(transaction=True)
def test_another_terminal_does_not_wait(transactional_db: None, demo_keys: Any) -> None:
    """One terminal's row is held by somebody; another's purchase goes through at once."""
    open_business_day(TODAY)
    held, free, card = Field.install(demo_keys), Field.install(demo_keys), make_card()
    fill_purse(card, 1_000)
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute("SELECT FROM terminals_terminal WHERE id = %s FOR UPDATE", [held.terminal.pk])
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '2s'")
        assert accept_at_once(sender=sender(free), body=free.tap(card, 1).to_json().encode()) is not None
        assert accept_at_once(sender=sender(held), body=held.tap(card, 2).to_json().encode()) is None


def test_bytes_that_are_nothing_are_told_what_they_are_not(field: Field) -> None:
    """Found by the description's own bodies: the refusal of a batch was given to a purchase of the same bytes."""
    refused = field.post_batch(b"{}")
    record = deliver(field.signed("POST", "/api/v1/taps", b"{}", "application/json"))
    assert [one.json()["code"] for one in (refused, record)] == ["batch_refused", "illegal_data"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({"key": Ed25519PrivateKey.generate()}, "signature_invalid"),
        ({"created": datetime.now(UTC) - timedelta(minutes=6)}, "signature_stale"),
        ({"terminal_code": "T-X"}, "terminal_unknown"),
        ({"Signature": ""}, "signature_invalid"),
        ({"Content-Digest": "sha-256=:AAAA:"}, "digest_mismatch"),
        ({"body": b"{}"}, "digest_mismatch"),
        ({"Host": "localhost"}, "signature_invalid"),
    ],
)
def test_what_proves_no_terminal_posts_nothing(
    field: Field, card: Card, how: dict[str, Any], expected: str
) -> None:
    """The short way has seen this terminal's key a moment ago, and is no easier to pass for it."""
    deliver(tap_request(field, field.tap(card, 1)))
    signed_how = {name: how[name] for name in ("key", "created", "terminal_code") if name in how}
    request = tap_request(field, field.tap(card, 2), **signed_how)
    request.body = how.get("body", request.body)
    request.headers.update(
        {name: how[name] for name in ("Signature", "Content-Digest", "Host") if name in how}
    )
    answer = deliver(request)
    assert (answer.status_code, answer.json()["code"]) == (401, expected)  # type: ignore[attr-defined]
    assert Tap.objects.count() == 1


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_plain_signature_is_one_that_the_library_takes(data: st.DataObject) -> None:
    """Whatever is changed in a request: what the short reading takes, the library takes; the other way need not be."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    body = data.draw(st.sampled_from([b"", b"{}"]))
    request = requests.Request("POST", "http://127.0.0.1:8000/api/v1/taps", data=body or None).prepare()
    sign_request(request, terminal_code="t-1", key=key)
    headers, url, method = dict(request.headers), str(request.url), "POST"
    for _ in range(data.draw(st.integers(0, 2))):
        name = data.draw(st.sampled_from([*headers, "@url", "@method", "@body"]))
        if name == "@url":
            url = data.draw(
                st.sampled_from([url + "?a=1", url + "/", url.replace("8000", "80"), url.upper()])
            )
        elif name == "@method":
            method = data.draw(st.sampled_from(["GET", "post", "PUT"]))
        elif name == "@body":
            body = data.draw(st.binary(max_size=3))
        else:
            text = str(headers[name])
            at, new = (
                data.draw(st.integers(0, len(text))),
                data.draw(st.sampled_from(["", "A", "=", " ", ";b", "9"])),
            )
            headers[name] = text[:at] + new + text[at + data.draw(st.integers(0, 2)) :]
    message, tolerance = SignedMessage(method, url, headers, body), timedelta(seconds=300)
    plain, public = read_plain(message, tolerance), key.public_key().public_bytes_raw()
    try:
        verify_request(message, find_key=lambda code: public if code == "t-1" else None, tolerance=tolerance)
        right = True
    except SignatureError:
        right = False
    assert right or plain is None or plain.keyid != "t-1" or not plain.is_by(public)
    if headers == dict(request.headers) and (url, method, body) == (
        str(request.url),
        "POST",
        request.body or b"",
    ):
        assert plain is not None
        assert plain.is_by(public)
