"""A clerk with a browser and a reader takes things back: an anonymous card against its chip, a pass for cash."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.citizencard.bridge.conftest import house
from tests.fixtures_browser import Watched

if TYPE_CHECKING:  # pytest loads this file before Django knows its apps
    from accounts.models import Card, Pass
    from citizencard.core.keyservice.client import KeyServiceClient
    from citizencard.core.keyservice.keystore import KeyStore
    from terminals.bridge.sources import SimulatedSource
    from terminals.simulator.chip import Chip
    from tests.citizencard.bridge.house import Desk, House

__all__ = ["house"]

pytestmark = pytest.mark.browser


@dataclass
class Hall:
    """An anonymous card with its chip, a pass, and a desk with a reader."""

    card: Card
    chip: Chip
    held: Pass
    desk: Desk
    reader: SimulatedSource


@pytest.fixture
def city(key_service: KeyServiceClient, house: House, demo_keys: KeyStore, settings: Any) -> Hall:
    """What the clerk looks after, committed so that the server sees it."""
    from citizencard.core.calendar import open_business_day
    from terminals.bridge.sources import SimulatedSource
    from tests.accounts.refunds.stories import publish
    from tests.citizencard.bridge.house import READER
    from tests.citizencard.city import make_staff
    from tests.fixtures_accounts import TODAY
    from tests.terminals.chips import loaded_card

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    open_business_day(TODAY)
    make_staff()
    card, chip = loaded_card(demo_keys, 5_000)
    publish(card.product, legal_basis="单用途商业预付卡管理办法第二十三条")
    reader = SimulatedSource({READER: None})
    return Hall(card, chip, _sell(card), house.pair(reader), reader)


def _sell(card: Card) -> Pass:
    from django.utils import timezone

    from accounts.services import passes
    from citizencard.core.calendar import shanghai

    now = timezone.now()
    passes.publish_pass_product(
        code="ride", name="通勤十次卡", kind="times", price_fen=1_200, rides=10, validity_days=30, channels=["bus"],
        operator="bus", operator_name="公交集团", refund="pro_rata", refund_fee_fen=150, unused="operator",
        legal_basis="票价方案〔2026〕2号", valid_from=shanghai(now).date(), actor="finance",
    )  # fmt: skip
    return passes.sell_pass(
        card=card, code="ride", starts_on=shanghai(now).date(), paid_by="cash", number="P-1", actor="clerk",
        occurred_at=now,
    )  # fmt: skip


def sign_in(window: Watched, name: str = "clerk") -> None:
    from tests.citizencard.city import PASSWORD

    window.open("/office/")
    window.page.locator("#id_username").fill(name)
    window.page.locator("#id_password").fill(PASSWORD)
    window.page.get_by_role("button", name="登录").click()
    expect(window.page.get_by_role("heading", name="待办")).to_be_visible()


def pair(window: Watched, hall: Hall) -> None:
    """The clerk's PC is paired from this very browser."""
    from tests.citizencard.bridge.test_pairing import redeem

    page = window.page
    page.get_by_label("本工作站名称").fill("3 号窗口")
    page.get_by_role("button", name="获取配对码").click()
    key = hall.desk.identity.signing_key().public_key().public_bytes_raw().hex()
    paired = redeem(page.locator(".bridge-code").inner_text(), key).json()
    hall.desk.identity = replace(hall.desk.identity, workstation=paired["workstation"])
    expect(page.get_by_role("heading", name="3 号窗口")).to_be_visible()


def test_an_anonymous_card_is_read_quoted_and_taken_back(desktop: Watched, city: Hall) -> None:
    from tests.citizencard.bridge.house import READER, wait_for

    page, where = desktop.page, f"/office/accounts/card/{city.card.pk}/"
    sign_in(desktop)
    desktop.open(where + "change/")
    page.get_by_role("link", name="申请退款").click()
    expect(page.get_by_text("不记名卡凭卡退款")).to_have_count(1)
    page.locator("#main").get_by_role("link", name="读卡器").click()
    pair(desktop, city)
    with city.desk.running():
        wait_for(city.desk.is_connected)
        desktop.open(where + "refund/")
        page.get_by_role("button", name="读卡").click()
        expect(page.get_by_role("alert")).to_have_text("读卡器上没有卡。")
        city.reader.insert(READER, city.chip)
        page.get_by_role("button", name="读卡").click()
        expect(page.get_by_text("卡内记录与账面一致。")).to_be_visible()
        expect(page.get_by_role("cell", name="+50.00")).to_be_visible()
        page.get_by_label("原因").fill("离开本市")
        page.get_by_role("button", name="申请退款").click()
        expect(page.get_by_text("待审批")).to_be_visible()
    assert desktop.complaints == []


def test_a_tampered_chip_is_told_so_and_has_no_button(window: Watched, city: Hall) -> None:
    from tests.citizencard.bridge.house import READER, wait_for

    page = window.page
    city.chip.commit(balance_fen=50_000)
    city.reader.insert(READER, city.chip)
    sign_in(window)
    window.open("/office/reader/")
    pair(window, city)
    with city.desk.running():
        wait_for(city.desk.is_connected)
        window.open(f"/office/accounts/card/{city.card.pk}/refund/")
        page.get_by_role("button", name="读卡").click()
        expect(page.get_by_role("alert")).to_contain_text("该卡正在核查")
        expect(page.get_by_role("cell", name="500.00")).to_be_visible()
        expect(page.get_by_role("button", name="申请退款")).to_have_count(0)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert window.complaints == []


def test_a_pass_goes_back_for_cash(window: Watched, city: Hall) -> None:
    from tests.accounts.drawers.till import make_drawer

    page = window.page
    make_drawer()
    sign_in(window)
    window.open(f"/office/accounts/pass/{city.held.pk}/give_back/")
    expect(page.get_by_role("cell", name="10.50")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.get_by_label("原因").fill("不再通勤")
    page.get_by_role("button", name="退票").click()
    expect(page.get_by_text("已退款")).to_be_visible()
    expect(page.get_by_text("10.50")).to_be_visible()
    assert window.complaints == []
