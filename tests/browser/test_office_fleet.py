"""The fleet page in a browser, on a desk and on a phone: see what is wrong, give out a code, stop a terminal."""

from __future__ import annotations

import os
import re
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from terminals.models import Terminal, TerminalEvent
from terminals.services.fleet import Told, publish_fleet_policy, suspend_terminal, take_heartbeat
from tests.browser.test_office import sign_in
from tests.citizencard.city import City
from tests.factories import CLERK
from tests.fixtures_browser import Watched

pytestmark = pytest.mark.browser


@pytest.fixture
def bus(city: City) -> Terminal:
    """A fleet with one of everything; the bus terminal is silent."""
    for kind in ("validator", "pos"):
        publish_fleet_policy(
            kind=kind,
            valid_from=date(2026, 1, 1),
            silent_hours=24,
            zero_trade_days=3,
            list_minutes=30,
            legal_basis="test",
            actor=CLERK,
        )
    told = Told("2.4.1", 1, "p7", "flat 2026-01-01", 1, 512_000_000, 1_234)
    for code, drift_s in (("BUS", -75), ("SHOP", 1), ("METRO", 0)):
        clock = timezone.now() + timedelta(seconds=drift_s)
        take_heartbeat(terminal=city.fields[code].terminal, clock=clock, told=told)
    suspend_terminal(terminal=city.fields["PARKING"].terminal, actor=CLERK, reason="检修")
    terminal = city.fields["BUS"].terminal
    Terminal.objects.filter(pk=terminal.pk).update(seen_at=timezone.now() - timedelta(days=2))
    TerminalEvent.objects.create(
        terminal=terminal, number=1, kind="free_ride", occurred_at=timezone.now(), times=31, detail="K1"
    )
    return terminal


def test_a_clerk_looks_after_the_fleet(window: Watched, bus: Terminal) -> None:
    sign_in(window, "clerk")
    page = window.page
    window.open("/office/terminals/terminal/")
    keep(window, "list")
    page.get_by_role("link", name=re.compile("失联")).first.click()
    page.locator("#result_list").get_by_role("link", name=bus.code).click()
    expect(page.get_by_role("heading", name="签名密钥")).to_be_visible()
    keep(window, "terminal")
    window.open(f"/office/terminals/terminal/{bus.pk}/enrol/")
    page.get_by_label("原因").fill("更换设备")
    page.get_by_role("button", name="入网", exact=True).click()
    expect(page.get_by_text(re.compile("^[2-9A-Z]{4}-[2-9A-Z]{4}$"))).to_be_visible()
    keep(window, "code")
    window.open(f"/office/terminals/terminal/{bus.pk}/suspend/")
    page.get_by_label("原因").fill("检修")
    page.get_by_role("button", name="停用", exact=True).click()
    expect(page.locator(".office-facts").get_by_text("停用")).to_be_visible()
    assert window.complaints == []


def keep(window: Watched, name: str) -> None:
    """A picture for whoever wants to look (FLEET_PICTURES names a folder); the page is never wider than its window."""
    size = window.page.viewport_size
    assert size is not None
    if folder := os.environ.get("FLEET_PICTURES"):
        window.page.screenshot(path=Path(folder) / f"{name}-{size['width']}.png", full_page=True)
    assert window.page.evaluate("document.documentElement.scrollWidth") <= size["width"]
