"""My data on a phone: who has seen them, questioned without JavaScript, answered at a desk; readable all along."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from tests.browser.test_office import sign_in
from tests.browser.test_office_fleet import keep
from tests.browser.test_portal import CONTRAST, FITS, UNNAMED
from tests.browser.test_portal_money import signed_in
from tests.browser.test_risk import shoot
from tests.fixtures_browser import DESKTOP, PHONE, Watched

if TYPE_CHECKING:  # pytest loads this file before Django knows its apps
    from citizencard.core.keyservice.client import KeyServiceClient
    from tests.citizencard.portal.household import Resident

pytestmark = pytest.mark.browser


@pytest.fixture
def seen(key_service: KeyServiceClient, transactional_db: None, settings: Any) -> Resident:
    """A citizen whose name a clerk has looked at; committed, so that the server sees it."""
    from accounts.services.citizens import reveal_citizen
    from citizencard.core.calendar import open_business_day
    from tests.citizencard.city import make_staff
    from tests.citizencard.portal.household import publish_rules, resident
    from tests.fixtures_accounts import TODAY

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    open_business_day(TODAY)
    make_staff()
    lin = resident("林美玲", publish_rules())
    reveal_citizen(citizen=lin.citizen, actor="clerk", reason="本人更改手机号")
    return lin


def test_from_the_diary_to_the_answer(chromium: Browser, live_server: LiveServer, seen: Resident) -> None:
    phone = signed_in(chromium, live_server, seen, viewport=PHONE, java_script_enabled=False)
    phone.goto(f"{live_server.url}/privacy/")
    expect(phone.locator("main")).to_contain_text("本人更改手机号")
    phone.get_by_role("button", name="询问这次查阅").click()
    expect(phone.locator("main")).to_contain_text("您已询问")
    shoot(phone, "privacy-asked")
    phone.context.close()

    context = chromium.new_context(viewport=DESKTOP, locale="zh-CN", timezone_id="Asia/Shanghai")  # type: ignore[arg-type]
    desk = Watched(context.new_page(), live_server.url)
    sign_in(desk, "supervisor")
    desk.open("/office/privacy/accessquestion/?waits=yes")
    desk.page.locator("#result_list tbody a").first.click()
    desk.page.get_by_role("link", name="答复").click()
    desk.page.get_by_label("答复").fill("您当天到柜台更改了手机号。")
    keep(desk, "privacy-answer")
    desk.page.locator("form button.office-primary").click()
    expect(desk.page.locator(".office-facts")).to_contain_text("您当天到柜台")
    desk.open("/office/unusual-access/")
    keep(desk, "privacy-unusual")
    assert desk.complaints == []
    context.close()

    page = signed_in(chromium, live_server, seen, viewport=PHONE)
    page.goto(f"{live_server.url}/privacy/")
    expect(page.locator("main")).to_contain_text("您当天到柜台")
    shoot(page, "privacy-answered")
    page.get_by_role("button", name="阅读").click()
    expect(page.locator("h1")).to_contain_text("您的信息副本")
    shoot(page, "privacy-copy")
    for path in ("", "/privacy/", "/privacy/erasure/"):
        if path:
            page.goto(live_server.url + path)
            shoot(page, path.strip("/").replace("/", "-"))
        assert page.evaluate(FITS) is True
        assert page.evaluate(CONTRAST) == []
        assert page.evaluate(UNNAMED) == []
    page.context.close()
