"""A top-up in cash at the counter: taken into the drawer, written to the chip on the reader, whatever happens in between."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

import pytest
from django.test import Client

from accounts.models import Card, DrawerSession, TopUpOrder
from accounts.selectors.invariants import broken
from accounts.services.limits import publish_limit
from citizencard.core.calendar import open_business_day
from citizencard.core.keyservice.client import KeyServiceClient
from citizencard.core.keyservice.keystore import KeyStore
from terminals.bridge.sources import SimulatedSource
from terminals.simulator.chip import Chip
from tests.accounts.drawers.till import make_drawer
from tests.citizencard.bridge.house import READER, House, wait_for
from tests.citizencard.bridge.test_pages import seat
from tests.citizencard.city import make_staff
from tests.fixtures_accounts import TODAY
from tests.terminals.chips import PIN, issued_card

SignIn = Callable[[str], Client]
CREDIT_FOR_LOAD = bytes.fromhex("8052")


@dataclass
class Window:
    """A clerk with a browser, an open drawer, and a reader."""

    clerk: Client
    reader: SimulatedSource
    drawer: DrawerSession

    def take(self, card: Card, amount: str = "50", key: str = "k1", purse: str = "chip") -> tuple[str, str]:
        """Where the browser is sent, and what it reads meanwhile."""
        form = {"other": amount, "purse": purse, "request_key": key}
        answer = self.clerk.post(f"/office/accounts/card/{card.pk}/top_up/", form)
        return answer.get("Location", ""), text(answer.content)

    def write(self, order: TopUpOrder, pin: str = PIN) -> str:
        return text(self.clerk.post(f"/office/accounts/topuporder/{order.pk}/load/", {"pin": pin}).content)


def text(html: bytes) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html.decode()))


@pytest.fixture
def window(
    key_service: KeyServiceClient, house: House, demo_keys: KeyStore, as_staff: SignIn
) -> Iterator[Window]:
    open_business_day(TODAY)
    make_staff()
    window = Window(as_staff("clerk"), SimulatedSource({READER: None}), make_drawer())
    desk = house.pair(window.reader)
    seat(window.clerk, desk)
    with desk.running():
        wait_for(desk.is_connected)
        yield window


class Pulled:
    """A chip whose holder takes it away as soon as it has the value: its answer never arrives."""

    ATR = Chip.ATR

    def __init__(self, chip: Chip, reader: SimulatedSource) -> None:
        self._chip, self._reader = chip, reader

    def transmit(self, apdu: bytes) -> bytes:
        answer = self._chip.transmit(apdu)
        if apdu.startswith(CREDIT_FOR_LOAD):
            self._reader.remove(READER)
        return answer

    def reset(self) -> bytes:
        return self._chip.reset()


def test_cash_becomes_value_on_the_chip(window: Window, demo_keys: KeyStore) -> None:
    card, chip = issued_card(demo_keys)
    before_fen = window.drawer.moved_fen
    for _pressed_twice in range(2):
        where, _read = window.take(card)
    order = TopUpOrder.objects.get()
    assert where == f"/office/accounts/topuporder/{order.pk}/load/"
    assert (order.state, window.drawer.moved_fen - before_fen) == ("paid", 5_000)
    assert "没有卡" in window.write(order)
    window.reader.insert(READER, chip)
    assert "密码错误" in window.write(order, "000000")
    assert "现金已入钱箱" in text(window.clerk.get(f"/office/topup-progress/{order.pk}/").content)
    told = window.write(order)
    assert "已到账" in told
    order.refresh_from_db()
    assert (order.state, order.proof, chip.state.balance_fen) == ("confirmed", "tac", 5_000)
    assert "50.00" in window.write(order)  # again: the same answer, nothing is written
    assert chip.state.balance_fen == 5_000
    assert broken() == []


def test_a_card_pulled_too_early_is_finished_when_it_is_back(window: Window, demo_keys: KeyStore) -> None:
    card, chip = issued_card(demo_keys)
    window.take(card)
    order = TopUpOrder.objects.get()
    window.reader.insert(READER, Pulled(chip, window.reader))
    assert "请将同一张卡" in window.write(order)
    order.refresh_from_db()
    assert (order.state, chip.state.balance_fen) == ("loaded", 5_000)
    assert "尚待卡片确认" in text(window.clerk.get(f"/office/topup-progress/{order.pk}/").content)
    other, other_chip = issued_card(demo_keys, code="other")
    window.reader.insert(READER, other_chip)
    assert other.pan[-4:] in window.write(order)  # another card does not get it
    window.reader.insert(READER, chip)
    window.write(order)
    order.refresh_from_db()
    assert (order.state, chip.state.balance_fen, window.drawer.moved_fen) == (
        "confirmed",
        5_000,
        5_000 + 4_000,
    )
    assert broken() == []


def test_what_is_not_allowed_takes_no_cash(window: Window, demo_keys: KeyStore) -> None:
    card, _chip = issued_card(demo_keys)
    publish_limit(
        code="counter-single", measure="single", operation="top_up", limit_fen=30_000, valid_from=date(2026, 1, 1),
        legal_basis="支付机构预付卡业务管理办法第十一条", actor="root", product=card.product,
    )  # fmt: skip
    before_fen = window.drawer.moved_fen
    for amount, said in (
        ("300.01", "预付卡业务管理办法第十一条"),
        ("", "请选择一个金额"),
        ("0", "请选择一个金额"),
    ):
        where, read = window.take(card, amount)
        assert (where, said in read) == ("", True)
    both = {"other": "10", "key": "5000", "purse": "chip", "request_key": "k"}
    assert "请选择一个金额" in text(
        window.clerk.post(f"/office/accounts/card/{card.pk}/top_up/", both).content
    )
    DrawerSession.objects.filter(pk=window.drawer.pk).update(
        state="counted", counted_at=window.drawer.opened_at
    )
    _where, read = window.take(card)
    assert "请先开启钱箱" in read
    assert not TopUpOrder.objects.exists()
    assert window.drawer.moved_fen == before_fen


def test_cash_into_the_online_account_is_there_at_once(window: Window, demo_keys: KeyStore) -> None:
    card, _chip = issued_card(demo_keys, code="both", account_limit_fen=100_000)
    where, read = window.take(card, purse="account")
    assert (where, "50.00" in read) == ("", True)
    assert (TopUpOrder.objects.get().state, card.purses.get(kind="account").balance_fen) == (
        "confirmed",
        5_000,
    )
