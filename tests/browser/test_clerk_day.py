"""A clerk's day at 1366 × 768: search, issue without the mouse, loss, replacement; with the real bridge and a virtual card."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import expect

from tests.browser.test_office_refund import pair, sign_in
from tests.citizencard.bridge.conftest import house
from tests.fixtures_browser import Watched
from tests.terminals.readers.conftest import pcscd

if TYPE_CHECKING:  # pytest loads this file before Django knows its apps
    from playwright.sync_api import Browser
    from pytest_django.live_server_helper import LiveServer

    from accounts.models import Card, CardProduct
    from citizencard.core.keyservice.client import KeyServiceClient
    from citizencard.core.keyservice.keystore import KeyStore
    from terminals.simulator.chip import Chip
    from terminals.simulator.vpcd import VpcdSlot
    from tests.accounts.stock.shelf import Places
    from tests.citizencard.bridge.house import Desk, House

__all__ = ["house", "pcscd"]

pytestmark = [pytest.mark.browser, pytest.mark.pcsc]
COUNTER_PC = {"width": 1366, "height": 768}
PIN = "830417"


@dataclass
class Hall:
    """A desk with a reader, and cards of the citizen's product in the hall's stock."""

    product: CardProduct
    cards: list[tuple[Card, Chip]]
    desk: Desk
    reader: VpcdSlot


@pytest.fixture
def hall(
    key_service: KeyServiceClient, house: House, demo_keys: KeyStore, pcscd: None, settings: Any
) -> Iterator[Hall]:
    """Committed, so that the server sees it."""
    from accounts.services.drawers import open_drawer
    from citizencard.core.calendar import open_business_day
    from terminals.bridge.sources import PcscSource
    from terminals.simulator.vpcd import VpcdSlot
    from tests.accounts.refunds.stories import publish
    from tests.citizencard.city import make_staff
    from tests.factories import make_product
    from tests.fixtures_accounts import TODAY
    from tests.terminals.stocked import stocked

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    open_business_day(TODAY)
    make_staff()
    product = make_product(real_name=True, price_fen=1_500, photo_needed=True)
    publish(product, legal_basis="单用途商业预付卡管理办法第二十三条")
    with VpcdSlot(0) as reader:
        places = _places()
        open_drawer(clerk="clerk", hall=places.hall, pieces={})
        cards = stocked(demo_keys, places, product, 2)
        yield Hall(product, cards, house.pair(PcscSource()), reader)


def _places() -> Places:
    from accounts.services.stock import open_place
    from tests.accounts.stock.shelf import Places

    named = (("bureau", "制卡商"), ("store", "中心库"), ("hall", "鲤城服务大厅"))
    return Places(*(open_place(code=kind, name=name, kind=kind, actor="city") for kind, name in named))


@pytest.fixture
def window(
    key_service: KeyServiceClient, chromium: Browser, live_server: LiveServer, hall: Hall
) -> Iterator[Watched]:
    """The clerk's window."""
    context = chromium.new_context(viewport=COUNTER_PC, locale="zh-CN", timezone_id="Asia/Shanghai")  # type: ignore[arg-type]
    yield Watched(context.new_page(), live_server.url)
    context.close()


class Patient:
    """A chip that waits in the middle of its writing until it has been looked at."""

    def __init__(self, chip: Chip) -> None:
        self.ATR, self._chip, self._apdus, self.go_on = chip.ATR, chip, 0, threading.Event()

    def transmit(self, apdu: bytes) -> bytes:
        self._apdus += 1
        if self._apdus == 40:
            self.go_on.wait(15)
        return self._chip.transmit(apdu)

    def reset(self) -> bytes:
        return self._chip.reset()


def look(window: Watched, name: str) -> None:
    """Nothing complains, nothing is wider than the window, axe finds nothing; a picture for the guide where GUIDE names a folder."""
    from axe_playwright_python.sync_playwright import Axe

    page = window.page
    if folder := os.environ.get("GUIDE"):
        with Image.open(io.BytesIO(page.screenshot())) as shot:
            shot.convert("RGB").quantize(48).save(Path(folder) / f"clerk-{name}.png", optimize=True)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, name
    violations = Axe().run(page, context="#desk").response["violations"]
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in violations] == [], name
    assert window.complaints == [], name


def somebody() -> bytes:
    """A photograph of nobody: head and shoulders."""
    picture, file = Image.new("RGB", (720, 900), "#dfe7ea"), io.BytesIO()
    draw = ImageDraw.Draw(picture)
    draw.ellipse((60, 620, 660, 1_300), fill="#5d7f8f")
    draw.ellipse((220, 170, 500, 560), fill="#c9a58c")
    draw.pieslice((205, 140, 515, 500), 180, 360, fill="#3a2f2a")
    picture.save(file, "JPEG")
    return file.getvalue()


def tab_to(window: Watched, name: str) -> None:
    """By the Tab key to a control of this name."""
    for _ in range(20):
        if window.page.evaluate("document.activeElement.textContent.trim()") == name:
            return
        window.page.keyboard.press("Tab")
    raise AssertionError(f"{name} is not reached")


def write(window: Watched) -> None:
    """The holder types the PIN twice."""
    expect(window.page.get_by_label("卡片密码（由持卡人输入）")).to_be_focused()
    for last in ("Tab", "Enter"):
        window.page.keyboard.type(PIN)
        window.page.keyboard.press(last)


def test_a_clerks_day(window: Watched, hall: Hall) -> None:
    from accounts.models import Card
    from tests.citizencard.bridge.house import wait_for
    from tests.factories import document_number

    page, keys, number = window.page, window.page.keyboard, document_number()
    sign_in(window)
    window.open("/office/reader/")
    pair(window, hall)  # type: ignore[arg-type]
    with hall.desk.running():
        wait_for(hall.desk.is_connected)
        window.open("/office/desk/")
        look(window, "desk")

        # Somebody new, by the keyboard alone.
        tab_to(window, "办卡")
        keys.press("Enter")
        expect(page.get_by_label("卡种")).to_be_focused()
        for _ in range(2):
            keys.press("Tab")
        keys.type(number)
        look(window, "begin")
        keys.press("Enter")
        expect(page.get_by_label("姓名")).to_be_focused()
        keys.type("林美玲")
        keys.press("Tab")
        keys.type("13859700077")
        look(window, "person")
        keys.press("Enter")
        expect(page.get_by_label("已宣读，本人知悉并同意")).to_be_focused()
        keys.press("Space")
        look(window, "consent")
        keys.press("Enter")
        page.get_by_label("照片").set_input_files(
            {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": somebody()}
        )
        look(window, "photo")
        tab_to(window, "保存照片")
        keys.press("Enter")
        expect(page.get_by_role("button", name="已收现金")).to_be_focused()
        look(window, "payment")
        keys.press("Enter")
        write(window)
        expect(page.get_by_role("alert")).to_have_text("读卡器上没有卡。")
        look(window, "no-card")
        chip = Patient(hall.cards[0][1])
        hall.reader.insert(chip)
        write(window)
        expect(page.get_by_text("请勿移动卡片")).to_be_visible()
        look(window, "writing")
        chip.go_on.set()
        expect(page.get_by_role("heading", name="办卡完成")).to_be_visible()
        look(window, "done")
        card = Card.objects.get(pk=hall.cards[0][0].pk)
        assert card.state == "active"
        keys.press("Enter")

        # The same person is back, found by telephone number: the card is lost, and another one ordered.
        expect(page.get_by_role("button", name="查询")).to_be_visible()
        keys.type("13859700077")
        keys.press("Enter")
        expect(page.get_by_role("heading", name="查询结果")).to_be_visible()
        keys.press("ArrowDown")
        keys.press("ArrowDown")
        look(window, "found")
        keys.press("/")
        expect(page.get_by_label("证件号码、手机号、完整姓名或卡号")).to_be_focused()
        keys.press("ArrowDown")
        keys.press("ArrowDown")
        keys.press("Enter")
        expect(page.get_by_role("heading", name="卡片生命周期")).to_be_visible()
        page.get_by_role("link", name="挂失").click()
        page.get_by_label("原因").fill("本人到柜台挂失")
        page.locator("[name=kind]").select_option("formal")
        page.get_by_role("button", name="挂失", exact=True).click()
        expect(page.locator(".office-facts")).to_be_visible()

        # Another one is written in its place at once.
        hall.reader.insert(hall.cards[1][1])
        window.open(f"/office/accounts/card/{card.pk}/replace/")
        look(window, "replace")
        keys.press("Tab")
        keys.press("Enter")
        expect(page.get_by_label("已核对：本人与证件相符")).to_be_focused()
        keys.press("Space")
        keys.press("Enter")
        expect(page.get_by_label("已宣读，本人知悉并同意")).to_be_focused()
        keys.press("Space")
        keys.press("Enter")
        page.get_by_label("照片").set_input_files(
            {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": somebody()}
        )
        page.get_by_role("button", name="保存照片").click()
        expect(page.get_by_text("补换")).to_be_visible()
        page.get_by_role("button", name="已收现金").click()
        write(window)
        expect(page.get_by_role("heading", name="办卡完成")).to_be_visible()
        expect(page.get_by_text("余额转入日期")).to_be_visible()
        look(window, "replaced")
    assert window.complaints == []
