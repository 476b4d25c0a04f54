"""A card is given back at the counter with its chip on the clerk's reader: read, quoted, asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import Card, CardFlag, Refund, User
from accounts.selectors.refund_quote import RefundQuote
from citizencard.core.calendar import open_business_day
from citizencard.core.keyservice.client import KeyServiceClient
from citizencard.core.keyservice.keystore import KeyStore
from citizencard.core.models import AuditEntry
from terminals.bridge.sources import SimulatedSource
from terminals.models import HotListEntry, IdentityCheck
from terminals.services.field import register_merchant
from terminals.services.refunds import quote_with_chip
from terminals.simulator.chip import Chip
from tests.accounts.refunds.stories import publish, tap
from tests.citizencard.bridge.house import READER, House, wait_for
from tests.citizencard.bridge.test_pages import seat
from tests.citizencard.city import PASSWORD, make_staff
from tests.factories import document_number, make_citizen, make_product
from tests.fixtures_accounts import TODAY
from tests.terminals.chips import issued_card, loaded_card
from tests.terminals.field import Field

SignIn = Callable[[str], Client]
TAMPERED = "该卡正在核查"
NOT_YET = "卡内有交易尚未入账"
ALONE = "不记名卡凭卡退款"


@dataclass
class Counter:
    """A clerk with a browser and a reader, and what lies on it."""

    clerk: Client
    reader: SimulatedSource

    def look(self, card: Card) -> str:
        return self._text(self.clerk.get(page_of(card)).content)

    def read(self, card: Card) -> str:
        return self._text(self.clerk.post(page_of(card), {"read": "1"}).content)

    def ask(self, card: Card, *, chip: bool = True, reason: str = "离开本市") -> str:
        form = {"reason": reason, "payee": "", "chip": str(chip)}
        return self._text(self.clerk.post(page_of(card), form).content)

    @staticmethod
    def _text(html: bytes) -> str:
        """What is read on the page, and what its form would send."""
        found = re.search(r"<main.*</main>|<section.*</section>", html.decode(), re.S)
        assert found
        return re.sub(r"\s+", " ", re.sub(r"<(?!input|textarea)[^>]+>", " ", found[0]))


def page_of(card: Card) -> str:
    return f"/office/accounts/card/{card.pk}/refund/"


@pytest.fixture
def counter(
    key_service: KeyServiceClient, house: House, demo_keys: KeyStore, as_staff: SignIn
) -> Iterator[Counter]:
    open_business_day(TODAY)
    make_staff()
    counter = Counter(as_staff("clerk"), SimulatedSource({READER: None}))
    desk = house.pair(counter.reader)
    seat(counter.clerk, desk)
    with desk.running():
        wait_for(desk.is_connected)
        yield counter


@pytest.fixture
def card_and_chip(counter: Counter, demo_keys: KeyStore) -> tuple[Card, Chip]:
    """An anonymous card with fifty yuan, on the reader."""
    card, chip = loaded_card(demo_keys, 5_000)
    publish(card.product)
    counter.reader.insert(READER, chip)
    return card, chip


def test_an_anonymous_card_is_refunded_against_itself(
    counter: Counter, card_and_chip: tuple[Card, Chip]
) -> None:
    card, _chip = card_and_chip
    assert ALONE in counter.look(card)
    assert "凭卡" in counter.ask(card, chip=False)
    assert not Refund.objects.exists()
    text = counter.read(card)
    for shown in (
        "卡内余额 50.00",
        "脱机交易序号 0",
        "卡内记录与账面一致",
        "+50.00",
        'name="chip" value="True"',
    ):
        assert shown in text
    assert ALONE not in text
    assert not Refund.objects.exists()
    text = counter.ask(card)
    refund = Refund.objects.get()
    assert refund.number in text
    assert (refund.state, refund.chip_balance_fen, refund.chip_atc) == ("due", 5_000, 0)
    assert HotListEntry.objects.filter(pan=card.pan, removed_at=None).exists()
    check = IdentityCheck.objects.latest("pk")
    assert (check.asked_by, check.purpose, check.outcome, check.card) == (
        "clerk",
        "refund",
        "identified",
        card,
    )
    wait_for(lambda: AuditEntry.objects.filter(action="reader.release").count() == 2)
    used = AuditEntry.objects.filter(action="reader.use").latest("pk")
    assert (used.actor, used.detail) == ("clerk", {"purpose": "refund card"})


def test_a_chip_that_shows_too_much_gets_nothing_and_is_flagged_when_it_is_seen(
    counter: Counter, card_and_chip: tuple[Card, Chip]
) -> None:
    card, chip = card_and_chip
    chip.commit(balance_fen=50_000)
    text = counter.read(card)
    assert TAMPERED in text
    assert "以账面金额退款" in text
    assert "500.00 0 " in text
    assert "应退 0.00" in text
    assert "起可付" not in text
    assert "<textarea" not in text
    assert CardFlag.objects.get().evidence["chip_balance_fen"] == 50_000
    assert TAMPERED in counter.ask(card)
    chip.commit(balance_fen=5_000)
    assert TAMPERED in counter.ask(card)
    assert not Refund.objects.exists()
    assert Card.objects.get(pk=card.pk).state == Card.State.ACTIVE


def test_a_chip_put_back_to_an_older_image_gets_nothing(
    counter: Counter, card_and_chip: tuple[Card, Chip], demo_keys: KeyStore
) -> None:
    card, chip = card_and_chip
    shop = register_merchant(code="SHOP", name="中山路便利店", channel="shop")
    tap(Field.install(demo_keys, code="SHOP-01", merchant=shop), card, 4, 200)
    chip.commit(balance_fen=4_800)
    assert TAMPERED in counter.read(card)
    assert CardFlag.objects.get().evidence["next_counter_by_the_books"] == 5


def test_a_tap_that_arrives_between_quote_and_request_is_told_as_well(
    counter: Counter, card_and_chip: tuple[Card, Chip], demo_keys: KeyStore
) -> None:
    card, _chip = card_and_chip
    shop = register_merchant(code="SHOP", name="中山路便利店", channel="shop")
    field = Field.install(demo_keys, code="SHOP-01", merchant=shop)

    def quote(**asked: Any) -> RefundQuote:
        found = quote_with_chip(**asked)
        tap(field, card, 4, 200)
        return found

    with mock.patch("citizencard.office.admin.card_refund.quote_with_chip", quote):
        text = counter.ask(card)
    assert Refund.objects.get().number in text
    assert TAMPERED in text
    assert Refund.objects.get().state == "refused"


def test_a_chip_ahead_of_the_books_waits_for_its_taps(
    counter: Counter, card_and_chip: tuple[Card, Chip]
) -> None:
    card, chip = card_and_chip
    chip.commit(balance_fen=4_800, offline_atc=1)
    text = counter.read(card)
    assert NOT_YET in text
    assert "脱机" in text
    assert "50.00" in text
    counter.ask(card)
    refund = Refund.objects.get()
    assert (refund.state, refund.chip_balance_fen, refund.chip_atc) == ("cooling", 4_800, 1)
    assert refund.due_on is not None


def test_another_card_on_the_reader_is_told_and_so_is_none(
    counter: Counter, card_and_chip: tuple[Card, Chip], demo_keys: KeyStore
) -> None:
    card, chip = card_and_chip
    other, others_chip = loaded_card(demo_keys, 100)
    counter.reader.insert(READER, others_chip)
    assert f"读卡器上的卡为 {other.pan}" in counter.read(card)
    others_chip.commit(identity_certificate=chip.state.identity_certificate)
    assert "卡片身份未通过" in counter.read(card)
    counter.reader.remove(READER)
    text = counter.ask(card, reason="离开本市")
    assert "读卡器上没有卡" in text
    assert "离开本市" in text
    assert not Refund.objects.exists()


def test_a_card_taken_away_is_never_refunded_as_if_it_had_not_been_read(
    counter: Counter, demo_keys: KeyStore
) -> None:
    """A named card goes without its chip as well, but then its clerk decides so."""
    card, chip = issued_card(demo_keys, real_name=True)
    publish(card.product)
    counter.reader.insert(READER, chip)
    assert 'value="True"' in counter.read(card)
    counter.reader.remove(READER)
    for _ in range(2):
        assert 'value="True"' in counter.ask(card)
    assert not Refund.objects.exists()
    counter.ask(card, chip=False)
    assert Refund.objects.get().chip_balance_fen is None


def test_a_computer_without_a_reader_says_how_to_get_one(
    counter: Counter, card_and_chip: tuple[Card, Chip], as_staff: SignIn
) -> None:
    card, _chip = card_and_chip
    elsewhere = as_staff("clerk")
    text = elsewhere.get(page_of(card)).content.decode()
    assert "/office/reader/" in text
    assert 'name="read"' not in text
    assert 'name="read"' in counter.clerk.get(page_of(card)).content.decode()
    assert "尚未配对" in elsewhere.post(page_of(card), {"read": "1"}).content.decode()


def test_reading_a_card_needs_its_own_permission(
    counter: Counter, card_and_chip: tuple[Card, Chip], as_staff: SignIn
) -> None:
    card, _chip = card_and_chip
    hotline = User.objects.create_user(username="hotline", password=PASSWORD, is_staff=True)
    wanted = ("request_refund", "view_card")
    hotline.user_permissions.set(Permission.objects.filter(codename__in=wanted))
    client = as_staff("hotline")
    assert client.get(page_of(card)).status_code == 200
    for form in ({"read": "1"}, {"chip": "True", "reason": "退卡"}):
        assert client.post(page_of(card), form).status_code == 403
    assert as_staff("finance").post(page_of(card), {"read": "1"}).status_code == 403


def test_an_anonymous_card_is_registered_for_whom_has_it_on_the_reader(
    counter: Counter, card_and_chip: tuple[Card, Chip]
) -> None:
    (card, _chip), number = card_and_chip, document_number()
    product = make_product(code="registered", name="记名卡", real_name=True)
    citizen = make_citizen(document_number=number)
    path = f"/office/accounts/card/{card.pk}/register/"
    given = {"document_number": number, "product": product.pk}

    def asked(**changes: str) -> str:
        return counter.clerk.post(path, given | changes).content.decode()

    assert "不存在" in asked(document_number=document_number())
    counter.reader.remove(READER)
    assert "记名卡" in asked()
    assert Card.objects.get(pk=card.pk).citizen is None
    counter.reader.insert(READER, _chip)
    assert citizen.name_mask in asked()
    assert Card.objects.get(pk=card.pk).citizen == citizen
    assert IdentityCheck.objects.latest("pk").purpose == "register"
    assert path not in counter.clerk.get(f"/office/accounts/card/{card.pk}/change/").content.decode()
