"""From the risk queue to a blocked card, and back by its holder's objection: three people at desks, one with a phone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from tests.browser.test_office import sign_in
from tests.browser.test_office_fleet import keep
from tests.browser.test_portal import CONTRAST, FITS, UNNAMED
from tests.browser.test_portal_money import signed_in
from tests.fixtures_browser import DESKTOP, PHONE, Watched

if TYPE_CHECKING:  # pytest loads this file before Django knows its apps
    from accounts.models import Card
    from citizencard.core.keyservice.client import KeyServiceClient
    from citizencard.core.keyservice.keystore import KeyStore
    from tests.citizencard.portal.household import Resident

pytestmark = pytest.mark.browser


@dataclass
class Suspected:
    """A citizen whose card's counter has jumped, as the night's rules have found."""

    citizen: Resident
    card: Card


@pytest.fixture
def suspected(
    key_service: KeyServiceClient, transactional_db: None, demo_keys: KeyStore, settings: Any
) -> Suspected:
    """Committed, so that the server sees it."""
    from accounts.models import RiskRule
    from citizencard.core.calendar import open_business_day
    from terminals.services.acceptance import accept_batch
    from terminals.services.appeals import publish_appeal_policy
    from terminals.services.risk import run_risk
    from terminals.wire.batch import build_batch
    from tests.citizencard.city import make_staff
    from tests.citizencard.portal.household import publish_rules, resident
    from tests.fixtures_accounts import TODAY
    from tests.terminals.field import Field
    from tests.terminals.risk.town import publish

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    open_business_day(TODAY)
    make_staff()
    lin = resident("林美玲", publish_rules())
    publish(RiskRule.JUMP, counters_max=200)
    publish_appeal_policy(
        valid_from=date(2026, 1, 1),
        decide_days=3,
        compensation_fen=1_000,
        legal_basis="异议办法第三条",
        actor="finance",
    )
    field = Field.install(demo_keys)
    taps = [field.tap(lin.card, atc, 0, type=9) for atc in (0, 620)]
    accept_batch(terminal=field.terminal, body=build_batch("R-1", taps))
    run_risk(day=TODAY, now=timezone.now())
    return Suspected(lin, lin.card)


@pytest.fixture
def desk(chromium: Browser, live_server: LiveServer, suspected: Suspected) -> Iterator[Watched]:
    context = chromium.new_context(viewport=DESKTOP, locale="zh-CN", timezone_id="Asia/Shanghai")  # type: ignore[arg-type]
    yield Watched(context.new_page(), live_server.url)
    context.close()


def as_officer(desk: Watched, name: str) -> None:
    desk.page.context.clear_cookies()
    sign_in(desk, name)


def test_from_the_queue_to_the_objection(
    desk: Watched, chromium: Browser, live_server: LiveServer, suspected: Suspected
) -> None:
    as_officer(desk, "supervisor")
    page = desk.page
    keep(desk, "risk-first-page")
    desk.open("/office/accounts/riskalert/?waits=review")
    expect(page.locator("#result_list")).to_contain_text("619")
    keep(desk, "risk-queue")
    page.locator("#result_list tbody a").first.click()
    expect(page.get_by_role("heading", name="证据")).to_be_visible()
    expect(page.locator("body")).to_contain_text("序号由 1 跳至 620")
    keep(desk, "risk-alert")
    page.get_by_role("link", name="核实").click()
    page.get_by_label("原因").fill("疑似复制卡")
    keep(desk, "risk-decision")
    page.get_by_role("button", name="核实").click()
    expect(page.locator(".office-facts")).to_contain_text("黑名单")
    assert desk.complaints == []

    from accounts.models import CardFlag

    as_officer(desk, "clerk")
    desk.open(f"/office/accounts/cardflag/{CardFlag.objects.get().pk}/hot_list/")
    page.locator("form button.office-primary").click()
    expect(page.locator(".office-facts")).to_be_visible()

    phone = signed_in(chromium, live_server, suspected.citizen, viewport=PHONE, java_script_enabled=False)
    phone.goto(live_server.url)
    phone.get_by_role("link", name="查看原因并提出异议").click()
    expect(phone.locator("main")).to_contain_text("缺 619 笔")
    shoot(phone, "block-why")
    phone.get_by_role("button", name="提出异议").click()
    expect(phone.locator(".steps")).to_contain_text("由其他人员裁决")
    shoot(phone, "block-objected")

    as_officer(desk, "supervisor")
    desk.open("/office/terminals/hotlistappeal/")
    keep(desk, "appeals")
    page.locator("#result_list tbody a").first.click()
    keep(desk, "appeal")
    page.get_by_role("link", name="成立").click()
    page.get_by_label("原因").fill("车队漏传")
    page.get_by_role("button", name="成立").click()
    expect(page.locator(".office-facts")).to_contain_text("10.00")
    assert desk.complaints == []

    phone.reload()
    expect(phone.locator("main")).to_contain_text("¥10.00")
    shoot(phone, "block-granted")
    phone.context.close()


def test_the_holders_page_is_readable(
    chromium: Browser, live_server: LiveServer, suspected: Suspected
) -> None:
    """It fits a phone, has its contrast, and every control its name; with large letters, too."""
    from accounts.models import CardFlag, RiskAlert
    from accounts.services.alerts import confirm_alert
    from terminals.services.refunds import hot_list_flagged

    now = timezone.now()
    confirm_alert(alert=RiskAlert.objects.get(), actor="supervisor", reason="?", occurred_at=now)
    hot_list_flagged(flag=CardFlag.objects.get(), actor="clerk", occurred_at=now)
    page = signed_in(chromium, live_server, suspected.citizen, viewport=PHONE)
    page.goto(f"{live_server.url}/cards/{suspected.card.pk}/block/")
    assert page.evaluate(FITS) is True
    assert page.evaluate(CONTRAST) == []
    assert page.evaluate(UNNAMED) == []
    page.context.close()


def shoot(page: Any, name: str) -> None:
    """Keep a picture of a phone's page where pictures are asked for."""
    import os
    from pathlib import Path

    if folder := os.environ.get("FLEET_PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
