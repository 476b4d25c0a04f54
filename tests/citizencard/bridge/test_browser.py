"""A clerk with a real browser and a real agent: pair the PC, see a card come, read it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from citizencard.core.keyservice.client import KeyServiceClient
from terminals.bridge.pairing import pair
from terminals.bridge.sources import SimulatedSource
from terminals.readers.memory import MemoryTransport
from terminals.simulator.chip import Chip
from tests.citizencard.bridge.house import READER, Desk, House, wait_for
from tests.citizencard.city import PASSWORD, make_staff
from tests.fixtures_browser import DESKTOP, Watched
from tests.terminals.cards import Till, issued_psam

pytestmark = pytest.mark.browser


@pytest.fixture
def window(
    key_service: KeyServiceClient, live_server: LiveServer, house: House, chromium: Browser
) -> Iterator[Watched]:
    make_staff()
    context = chromium.new_context(viewport=DESKTOP, locale="zh-CN")  # type: ignore[arg-type]
    window = Watched(context.new_page(), live_server.url)
    window.open("/office/")
    window.page.locator("#id_username").fill("clerk")
    window.page.locator("#id_password").fill(PASSWORD)
    window.page.get_by_role("button", name="登录").click()
    yield window
    context.close()


def test_pair_then_read(window: Watched, live_server: LiveServer, house: House, chip: Chip) -> None:
    page = window.page
    page.locator("#nav-sidebar-apps").get_by_text("读卡器", exact=True).click()
    page.get_by_label("本工作站名称").fill("3 号窗口")
    page.get_by_role("button", name="获取配对码").click()
    code = page.locator(".bridge-code").inner_text()
    identity = replace(pair(live_server.url, code), server=live_server.url)
    expect(page.get_by_role("heading", name="3 号窗口", exact=True)).to_be_visible(timeout=15_000)
    till = Till.over(MemoryTransport(chip), MemoryTransport(issued_psam()))
    till.load(5_000)
    till.pay(240)
    source = SimulatedSource({READER: None})
    desk = Desk(identity, source)
    with desk.running():
        wait_for(desk.is_connected)
        expect(page.locator(".bridge-state")).to_have_text(re.compile("无卡"), timeout=15_000)
        source.insert(READER, chip)
        expect(page.locator(".bridge-state.good")).to_have_text(re.compile("已放卡"), timeout=15_000)
        page.get_by_role("button", name="读卡").click()
        expect(page.get_by_role("cell", name="2.40")).to_be_visible()
        source.remove(READER)
        page.get_by_role("button", name="再读一次").click()
        expect(page.get_by_role("alert")).to_have_text("读卡器上没有卡。")
    assert window.complaints == []
