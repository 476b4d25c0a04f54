"""Card products are data: proposed by one, agreed to by another, in force from their date; nobody's card changes."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.models import Card, CardProduct, ProductVersion
from accounts.selectors.invariants import broken
from accounts.services.cards import order_card
from accounts.services.products import apply_products, approve_product, propose_product, refuse_product
from citizencard.core.errors import AlreadyDecided, Conflict, InvalidField, MakerIsChecker
from citizencard.core.models import AuditEntry
from tests.factories import CLERK, NOON, make_card, make_citizen, make_product

pytestmark = pytest.mark.django_db
TOMORROW = date(2026, 3, 3)
NEXT_DAY = NOON + timedelta(days=1)
NEW_PRODUCT: dict[str, Any] = {
    "name": "敬老卡",
    "real_name": True,
    "kind_code": 3,
    "balance_limit_fen": 500_000,
    "account_limit_fen": 0,
    "overdraft_fen": 0,
    "price_fen": 0,
    "deposit_fen": 0,
    "validity_years": 10,
    "photo_needed": False,
    "test_only": False,
}


def propose(code: str = "senior", valid_from: date = TOMORROW, **terms: Any) -> ProductVersion:
    return propose_product(
        code=code,
        terms=terms or NEW_PRODUCT,
        valid_from=valid_from,
        legal_basis="卡产品管理办法",
        maker="anna",
        now=NOON,
    )


def test_a_new_kind_of_card_is_on_sale_from_its_date(open_day: object, key_service: object) -> None:
    version = approve_product(version=propose(), checker="bert")
    assert apply_products(now=NOON) == 0
    assert not CardProduct.objects.exists()
    assert apply_products(now=NEXT_DAY) == 1
    assert apply_products(now=NEXT_DAY) == 0
    version.refresh_from_db()
    assert version.applied_at == NEXT_DAY
    product = CardProduct.objects.get()
    assert make_card(product=product, citizen=make_citizen()).product.kind_code == 3
    actions = (
        AuditEntry.objects.filter(subject="product:senior").order_by("pk").values_list("action", "actor")
    )
    assert list(actions) == [
        ("product.propose", "anna"),
        ("product.approve", "bert"),
        ("product.in_force", "bert"),
    ]


def test_the_next_sale_has_other_terms_and_cards_in_hands_keep_theirs(open_day: object) -> None:
    product = make_product()
    held = make_card(product=product)
    approve_product(version=propose("anonymous", price_fen=1_500, validity_years=6), checker="bert")
    apply_products(now=NEXT_DAY)
    product.refresh_from_db()
    assert (product.price_fen, product.deposit_fen, product.validity_years) == (1_500, 1_000, 6)
    assert Card.objects.get(pk=held.pk).price_fen == 1_000
    new = order_card(product=product, actor=CLERK, valid_from=TOMORROW)
    assert new.valid_to == date(2032, 3, 3)
    assert broken() == []


def test_a_limit_rises_for_all_cards_of_the_product(open_day: object) -> None:
    card = make_card()
    approve_product(version=propose("anonymous", balance_limit_fen=120_000), checker="bert")
    apply_products(now=NEXT_DAY)
    assert card.purses.get().ceiling_fen == 120_000
    assert broken() == []


def test_versions_follow_their_dates_not_their_approvals() -> None:
    make_product()
    later = propose("anonymous", valid_from=date(2026, 3, 9), price_fen=900)
    approve_product(version=later, checker="bert")
    approve_product(version=propose("anonymous", price_fen=800), checker="bert")
    assert apply_products(now=NOON + timedelta(days=30)) == 2
    assert CardProduct.objects.get().price_fen == 900


@pytest.mark.parametrize(
    ("code", "terms", "field"),
    [
        ("anonymous", {"balance_limit_fen": 99_999}, "balance_limit_fen"),
        ("anonymous", {"account_limit_fen": 1_000}, "account_limit_fen"),
        ("anonymous", {"real_name": True}, "real_name"),
        ("anonymous", {"kind_code": 2}, "kind_code"),
        ("anonymous", {"price_fen": -1}, "__all__"),
        ("anonymous", {"deposit_fen": "much"}, "deposit_fen"),
        ("anonymous", {"colour": "red"}, "colour"),
        ("senior", {"name": "敬老卡"}, "account_limit_fen"),
        ("senior", NEW_PRODUCT | {"overdraft_fen": 500}, "__all__"),
        ("senior", NEW_PRODUCT | {"validity_years": 0}, "__all__"),
    ],
)
def test_what_cannot_stand_is_told_when_it_is_proposed(code: str, terms: dict[str, Any], field: str) -> None:
    make_product()
    with pytest.raises(InvalidField) as refused:
        propose(code, **terms)
    assert refused.value.data["field"] == field
    assert not ProductVersion.objects.exists()


def test_it_begins_after_today_and_has_a_ground() -> None:
    for wrong in ({"valid_from": date(2026, 3, 2)}, {"legal_basis": " "}):
        given = {"valid_from": TOMORROW, "legal_basis": "x"} | wrong
        with pytest.raises(InvalidField) as refused:
            propose_product(code="senior", terms=NEW_PRODUCT, maker="anna", now=NOON, **given)  # type: ignore[arg-type]
        assert refused.value.data["field"] in wrong


def test_two_people_and_once() -> None:
    version = propose()
    with pytest.raises(MakerIsChecker):
        approve_product(version=version, checker="anna")
    other = propose()
    approve_product(version=version, checker="bert")
    with pytest.raises(AlreadyDecided):
        approve_product(version=version, checker="carl")
    with pytest.raises(Conflict):
        approve_product(version=other, checker="bert")
    assert refuse_product(version=other, checker="bert", reason="twice").answer == "twice"
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_productversion SET checker = maker WHERE state = 'approved'")
    assert apply_products(now=NEXT_DAY) == 1
