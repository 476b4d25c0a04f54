"""Subsidy batches: checked row by row, taken whole or not at all, paid out by a second person, once."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.errors import IllegalBatchTransition, SubsidyFileRefused
from accounts.models import (
    Card,
    CardEvent,
    CardProduct,
    Journal,
    LedgerAccount,
    Purse,
    SubsidyBatch,
    SubsidyLine,
    TopUpOrder,
    Transfer,
)
from accounts.selectors import invariants
from accounts.selectors.balances import account_balance_fen
from accounts.services import subsidies, subsidy_check, topup
from accounts.services.cards import mark_lost
from accounts.services.ledger import open_account, set_account_state
from accounts.services.subsidy_file import Fault, Problem
from citizencard.core.errors import Conflict, InvalidField, MakerIsChecker
from citizencard.core.models import AuditEntry
from tests.accounts.subsidies.files import subsidy_file
from tests.factories import CLERK, NOON, document_number, fill_purse, make_card, make_citizen, make_product

pytestmark = [pytest.mark.slow, pytest.mark.django_db, pytest.mark.usefixtures("open_day")]

MAKER, CHECKER = "maker", "checker"
_running = itertools.count(90_000_000_000)


@pytest.fixture
def payer() -> LedgerAccount:
    return subsidies.open_subsidy_payer(code="MZJ", name="民政局", actor=CLERK)


@pytest.fixture
def online() -> CardProduct:
    return make_product(real_name=True, account_limit_fen=100_000)


@pytest.fixture
def chip_only() -> CardProduct:
    return make_product(code="plain", real_name=True)


def approve(batch: SubsidyBatch, checker: str = CHECKER) -> SubsidyBatch:
    return subsidies.approve_subsidy_batch(batch=batch, checker=checker, occurred_at=NOON)


def problems_of(content: bytes) -> list[tuple[int, str, str]]:
    checked = subsidy_check.check_subsidy_file(content)
    return [(problem.row, problem.field, problem.fault.value) for problem in checked.problems]


def owed_fen(payer: LedgerAccount) -> int:
    return account_balance_fen(payer.pk)


def test_a_batch_goes_to_account_purses_at_once_and_to_chips_as_paid_orders(
    payer: LedgerAccount, online: CardProduct, chip_only: CardProduct
) -> None:
    number = document_number()
    by_card = make_card(product=online, citizen=make_citizen())
    by_document = make_card(product=chip_only, citizen=make_citizen(document_number=number))
    content = subsidy_file([(by_card.pan, "100.00"), (number, "200.5")], encoding="gbk")
    batch = subsidies.upload_subsidy_file(content=content, maker=MAKER)
    assert (batch.state, batch.count, batch.total_fen, batch.title) == (
        "uploaded",
        2,
        30_050,
        "高龄津贴2026年3月",
    )
    assert owed_fen(payer) == 0
    batch = approve(batch)
    assert (batch.state, batch.checker) == ("approved", CHECKER)
    assert by_card.purses.get(kind="account").balance_fen == 10_000
    assert by_document.purses.get().balance_fen == 0
    orders = TopUpOrder.objects.order_by("pk")
    assert [(order.state, order.party, order.proof) for order in orders] == [
        ("confirmed", "MZJ", "account"),
        ("paid", "MZJ", ""),
    ]
    assert (owed_fen(payer), account_balance_fen(open_account(chart="2031").pk)) == (30_050, 20_050)
    assert invariants.broken() == []
    actions = AuditEntry.objects.filter(action__startswith="subsidy.").values_list("action", "actor")
    assert list(actions) == [
        ("subsidy.payer", CLERK),
        ("subsidy.upload", MAKER),
        ("subsidy.approve", CHECKER),
    ]


def test_a_chip_order_of_a_batch_can_be_given_back_to_the_payer(
    payer: LedgerAccount, chip_only: CardProduct
) -> None:
    card = make_card(product=chip_only, citizen=make_citizen())
    approve(subsidies.upload_subsidy_file(content=subsidy_file([(card.pan, "10")]), maker=MAKER))
    topup.reverse_topup(order=TopUpOrder.objects.get(), actor=CLERK, reason="moved away")
    assert owed_fen(payer) == 0
    assert invariants.broken() == []


def test_what_the_payer_pays_in_is_booked_once_per_bank_reference(payer: LedgerAccount) -> None:
    def receive(amount_fen: int, reference: str) -> None:
        subsidies.receive_subsidy_funds(
            payer=payer, amount_fen=amount_fen, reference=reference, actor=CLERK, occurred_at=NOON
        )

    for reference in ("B1", "B1", "B2"):
        receive(5_000, reference)
    assert (owed_fen(payer), account_balance_fen(open_account(chart="1001").pk)) == (-10_000, 10_000)
    with pytest.raises(Conflict):
        receive(5_001, "B1")


def test_a_payers_code_is_a_code() -> None:
    with pytest.raises(InvalidField):
        subsidies.open_subsidy_payer(code="民政局", name="民政局", actor=CLERK)


def test_the_same_file_again_is_the_same_batch_and_moves_nothing(
    payer: LedgerAccount, online: CardProduct
) -> None:
    content = subsidy_file([(make_card(product=online, citizen=make_citizen()).pan, "100.00")])
    first = subsidies.upload_subsidy_file(content=content, maker=MAKER)
    assert subsidies.upload_subsidy_file(content=content, maker="somebody else").pk == first.pk
    approve(first)
    assert subsidies.upload_subsidy_file(content=content, maker=MAKER).state == "approved"
    for checker in (CHECKER, "another"):
        assert approve(first, checker).checker == CHECKER
    assert (owed_fen(payer), Journal.objects.filter(kind="subsidy_paid").count()) == (10_000, 1)


def test_the_same_number_with_other_content_is_a_conflict(payer: LedgerAccount, online: CardProduct) -> None:
    pan = make_card(product=online, citizen=make_citizen()).pan
    subsidies.upload_subsidy_file(content=subsidy_file([(pan, "100.00")]), maker=MAKER)
    with pytest.raises(Conflict):
        subsidies.upload_subsidy_file(content=subsidy_file([(pan, "100.01")]), maker=MAKER)
    assert SubsidyBatch.objects.count() == 1


def test_nobody_approves_what_they_uploaded(payer: LedgerAccount, online: CardProduct) -> None:
    content = subsidy_file([(make_card(product=online, citizen=make_citizen()).pan, "100.00")])
    batch = subsidies.upload_subsidy_file(content=content, maker=MAKER)
    with pytest.raises(MakerIsChecker):
        approve(batch, MAKER)
    with pytest.raises(MakerIsChecker):
        subsidies.refuse_subsidy_batch(batch=batch, checker=MAKER, reason="")
    with pytest.raises(IntegrityError, match="subsidy_checked_by_another"), transaction.atomic():
        SubsidyBatch.objects.filter(pk=batch.pk).update(state="approved", checker=MAKER, checked_at=NOON)
    assert (SubsidyBatch.objects.get().state, owed_fen(payer)) == ("uploaded", 0)


def test_a_refused_batch_is_never_paid_and_keeps_its_number(
    payer: LedgerAccount, online: CardProduct
) -> None:
    pan = make_card(product=online, citizen=make_citizen()).pan
    batch = subsidies.upload_subsidy_file(content=subsidy_file([(pan, "100.00")]), maker=MAKER)
    subsidies.refuse_subsidy_batch(batch=batch, checker=CHECKER, reason="wrong month")
    with pytest.raises(IllegalBatchTransition):
        approve(batch)
    with pytest.raises(Conflict):
        subsidies.upload_subsidy_file(content=subsidy_file([(pan, "1.00")]), maker=MAKER)


def test_lines_cannot_be_changed_between_upload_and_approval(
    payer: LedgerAccount, online: CardProduct
) -> None:
    content = subsidy_file([(make_card(product=online, citizen=make_citizen()).pan, "100.00")])
    subsidies.upload_subsidy_file(content=content, maker=MAKER)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        SubsidyLine.objects.update(amount_fen=1_000_000)


# Bad files.


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", (0, "header", "format")),
        (b"\xff\xff\xff", (0, "file", "encoding")),
        (b"A,MZJ,t,1,1.00\r\n1,3104362000000000017,1.00\0", (0, "file", "format")),
        (b"A,MZJ,t,1\r\n", (0, "header", "format")),
        (b"A B,MZJ,t,1,1.00\r\n", (0, "number", "number")),
        (b"A" * 33 + b",MZJ,t,1,1.00\r\n", (0, "number", "number")),
        (b"A,MZJ,,1,1.00\r\n", (0, "title", "title")),
        (b"A,MZJ,t,x,1.00\r\n", (0, "count", "count_differs")),
        (b"A,MZJ,t,0,1.00\r\n", (0, "count", "count_differs")),
        (b"A,MZJ,t,1,-1.00\r\n", (0, "total", "amount")),
    ],
)
def test_a_header_that_makes_no_sense_ends_the_reading(content: bytes, problem: tuple[object, ...]) -> None:
    assert problems_of(content) == [problem]
    with pytest.raises(SubsidyFileRefused):
        subsidies.upload_subsidy_file(content=content, maker=MAKER)


def test_every_bad_row_is_reported_and_nothing_is_taken(
    payer: LedgerAccount, online: CardProduct, chip_only: CardProduct
) -> None:
    number, without_card = document_number(), document_number()
    holder = make_citizen(document_number=number)
    good = make_card(product=online, citizen=holder)
    make_card(product=chip_only, citizen=holder)
    lost = make_card(product=online, citizen=make_citizen(), state=Card.State.LOST)
    frozen = make_card(product=online, citizen=make_citizen())
    set_account_state(
        account=frozen.purses.get(kind="account").account, state="frozen", actor=CLERK, reason="test"
    )
    full = make_card(product=chip_only, citizen=make_citizen())
    fill_purse(full, 499_999)
    make_citizen(document_number=without_card)
    rows: list[tuple[object, object]] = [
        (good.pan, "1.00"),
        ("3104362099999999999", "1.00"),
        (without_card, "1.00"),
        (number, "1.00"),
        (lost.pan, "1.00"),
        (frozen.pan, "1.00"),
        (full.pan, "0.02"),
        (good.pan, "2.00"),
        ("nobody", "1.00"),
    ]
    assert problems_of(subsidy_file(rows)) == [
        (2, "holder", "holder_unknown"),
        (3, "holder", "holder_unknown"),
        (4, "holder", "holder_ambiguous"),
        (5, "holder", "card_not_active"),
        (6, "holder", "account_not_open"),
        (7, "amount", "balance_limit"),
        (8, "holder", "holder_twice"),
        (9, "holder", "holder_unknown"),
    ]
    with pytest.raises(SubsidyFileRefused) as refusal:
        subsidies.upload_subsidy_file(content=subsidy_file(rows), maker=MAKER)
    assert len(refusal.value.data["problems"]) == 8
    assert Problem(7, "amount", Fault.BALANCE_LIMIT) in refusal.value.data["problems"]
    assert not SubsidyBatch.objects.exists()
    assert problems_of(subsidy_file([(full.pan, "0.01")])) == []


@pytest.mark.parametrize(
    "amount", ["0", "0.00", "-1.00", "1.001", "1e3", "", "一百", "1,00", "1000000000000"]
)
def test_an_amount_is_positive_yuan_with_two_decimals(
    payer: LedgerAccount, online: CardProduct, amount: str
) -> None:
    pan = make_card(product=online, citizen=make_citizen()).pan
    ((row, _, fault),) = problems_of(subsidy_file([(pan, amount)], total="1.00"))
    assert (row, fault) in ((1, "amount"), (1, "format"))


def test_rows_are_numbered_and_have_three_columns(payer: LedgerAccount, online: CardProduct) -> None:
    pan = make_card(product=online, citizen=make_citizen()).pan
    content = f"A,MZJ,t,3,3.00\r\n\r\n1,{pan},1.00\r\n3,{pan},1.00\r\n3,{pan}\r\n".encode("utf-8-sig")
    assert problems_of(content) == [(2, "row", "row_number"), (3, "row", "format")]
    assert problems_of(b"A,MZJ,t,1,1.00\r\n1,,1.00\r\n") == [(1, "holder", "holder_unknown")]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"count": 2}, (0, "count", "count_differs")),
        ({"total": "1.01"}, (0, "total", "total_differs")),
        ({"payer": "XXX"}, (0, "payer", "payer_unknown")),
    ],
)
def test_what_the_header_says_is_what_the_rows_say(
    payer: LedgerAccount, online: CardProduct, changes: dict[str, Any], problem: tuple[object, ...]
) -> None:
    pan = make_card(product=online, citizen=make_citizen()).pan
    assert problems_of(subsidy_file([(pan, "1.00")], **changes)) == [problem]


def test_a_file_that_is_too_long_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accounts.services.subsidy_file.ROWS_MAX", 2)
    assert problems_of(subsidy_file([("x", "1.00")] * 3)) == [(0, "file", "too_long")]


def test_one_row_that_went_bad_since_the_upload_stops_the_whole_batch(
    payer: LedgerAccount, online: CardProduct
) -> None:
    cards = [make_card(product=online, citizen=make_citizen()) for _ in range(2)]
    batch = subsidies.upload_subsidy_file(
        content=subsidy_file([(card.pan, "100.00") for card in cards]), maker=MAKER
    )
    mark_lost(card=cards[1], actor=CLERK, reason="lost", occurred_at=NOON)
    with pytest.raises(SubsidyFileRefused) as refusal:
        approve(batch)
    assert refusal.value.data["problems"] == (Problem(2, "holder", Fault.CARD_NOT_ACTIVE),)
    assert (SubsidyBatch.objects.get().state, owed_fen(payer)) == ("uploaded", 0)
    assert not Transfer.objects.filter(debit_id=payer.pk).exists()


# Volume and concurrency.


def many_cards(product: CardProduct, count: int) -> list[str]:
    """Card numbers of as many active cards, made in bulk: only their purses matter here."""
    pattern = make_card(product=product, citizen=make_citizen())
    cards = Card.objects.bulk_create(
        Card(
            pan=f"31043620{next(_running):011d}",
            product=product,
            state="active",
            valid_from=pattern.valid_from,
            valid_to=pattern.valid_to,
        )
        for _ in range(count)
    )
    CardEvent.objects.bulk_create(
        CardEvent(card=card, source="", target="active", actor=CLERK, occurred_at=NOON) for card in cards
    )
    kinds = list(pattern.purses.select_related("account"))
    for like in kinds:
        chart, control = like.account.chart, like.account.control
        accounts = LedgerAccount.objects.bulk_create(
            LedgerAccount(code=f"{chart}.{card.pan}", chart=chart, side="C", control=control)
            for card in cards
        )
        Purse.objects.bulk_create(
            Purse(card=card, kind=like.kind, account=account, ceiling_fen=like.ceiling_fen)
            for card, account in zip(cards, accounts, strict=True)
        )
    # Else the audit may be planned for the empty tables that earlier tests left.
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE accounts_card, accounts_ledgeraccount, accounts_purse")
    return [card.pan for card in cards]


def run_batch(product: CardProduct, count: int) -> tuple[int, int]:
    """The queries that upload and approval of a batch of `count` lines take."""
    content = subsidy_file([(pan, "1.00") for pan in many_cards(product, count)], number=f"N{count}")
    with CaptureQueriesContext(connection) as uploading:
        batch = subsidies.upload_subsidy_file(content=content, maker=MAKER)
    with CaptureQueriesContext(connection) as approving:
        approve(batch)
    return len(uploading), len(approving)


@pytest.mark.parametrize(("kind", "lines"), [("online", 3_000), ("chip_only", 1_000)])
def test_many_lines_take_as_many_queries_as_two(
    payer: LedgerAccount, kind: str, lines: int, request: pytest.FixtureRequest, record_property: Any
) -> None:
    product = request.getfixturevalue(kind)
    run_batch(product, 1)  # opens the accounts
    few = run_batch(product, 2)
    assert run_batch(product, lines) == few
    assert owed_fen(payer) == (1 + 2 + lines) * 100
    assert invariants.broken() == []
    record_property("counted", f"subsidy of {lines:,} lines ({kind}): {few[0]} + {few[1]} queries")
