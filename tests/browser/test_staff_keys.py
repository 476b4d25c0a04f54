"""A security key in a real browser: Chromium's own virtual authenticator is plugged in, touched, pulled and copied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.fixtures_browser import Watched

if TYPE_CHECKING:  # pytest loads this file before Django knows its apps
    from citizencard.core.keyservice.client import KeyServiceClient

pytestmark = pytest.mark.browser


@pytest.fixture
def city(key_service: KeyServiceClient, transactional_db: None, settings: Any) -> None:
    """Nothing but staff, who need a second factor."""
    from tests.citizencard.city import make_staff

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.STAFF_SECOND_FACTOR = True
    make_staff()


@pytest.fixture
def plugged(desktop: Watched) -> Any:
    """A key in the computer: its CDP session, and the id of the authenticator."""
    devtools = desktop.page.context.new_cdp_session(desktop.page)
    devtools.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "usb", "automaticPresenceSimulation": True}
    made = devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return devtools, made["authenticatorId"]


def sign_in(window: Watched) -> None:
    from tests.citizencard.city import PASSWORD

    window.open("/office/")
    window.page.locator("#id_username").fill("clerk")
    window.page.locator("#id_password").fill(PASSWORD)
    window.page.get_by_role("button", name="登录").click()


def test_a_key_is_added_shown_and_stopped_when_it_was_copied(
    desktop: Watched, plugged: Any, settings: Any
) -> None:
    from citizencard.core.models import AuditEntry
    from citizencard.staff.models import SecurityKey, StaffSession

    settings.PORTAL_URL = desktop.site
    page = desktop.page
    sign_in(desktop)
    page.get_by_role("link", name="添加安全密钥").click()
    page.get_by_label("密钥名称").fill("蓝色密钥")
    page.get_by_role("button", name="添加安全密钥").click()
    expect(page.locator(".staff-codes li")).to_have_count(10)
    page.get_by_role("link", name="我已保存").click()
    expect(page.get_by_role("heading", name="待办")).to_be_visible()
    page.context.clear_cookies()

    sign_in(desktop)
    page.get_by_role("button", name="使用安全密钥").click()
    expect(page.get_by_role("heading", name="待办")).to_be_visible()
    key = SecurityKey.objects.get()
    assert key.sign_count > 0
    assert StaffSession.objects.latest("pk").factor == "key"
    desktop.open("/office/account/")
    expect(page.get_by_role("cell", name="蓝色密钥")).to_be_visible()
    page.context.clear_cookies()

    # Somebody has signed with a copy of it meanwhile: the counter of this one is behind.
    SecurityKey.objects.update(sign_count=key.sign_count + 5)
    sign_in(desktop)
    page.get_by_role("button", name="使用安全密钥").click()
    expect(page.get_by_role("alert").first).to_contain_text("蓝色密钥")
    assert SecurityKey.objects.get().stopped_at is not None
    assert AuditEntry.objects.filter(action="staff.key.copied").count() == 1
    assert desktop.complaints == []
