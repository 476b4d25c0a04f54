"""Staff with a browser look after money: a refund from the request to the cash in hand, a subsidy file by two people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.fixtures_browser import Watched

if TYPE_CHECKING:  # pytest loads this file before Django knows its apps
    from citizencard.core.keyservice.keystore import KeyStore
    from tests.citizencard.office.money import Money

pytestmark = pytest.mark.browser


@pytest.fixture
def city(transactional_db: None, demo_keys: KeyStore, settings: Any) -> Money:
    """The office's money, committed so that the server sees it."""
    from tests.citizencard.office.money import found_money

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return found_money()


def sign_in(window: Watched, name: str) -> None:
    from tests.citizencard.city import PASSWORD

    window.page.context.clear_cookies()
    window.open("/office/")
    window.page.locator("#id_username").fill(name)
    window.page.locator("#id_password").fill(PASSWORD)
    window.page.get_by_role("button", name="登录").click()
    expect(window.page.get_by_role("heading", name="待办")).to_be_visible()


def test_a_refund_from_the_overview_to_the_cash_in_hand(window: Watched, city: Money) -> None:
    page = window.page
    sign_in(window, "finance")
    page.get_by_text("待审批退款").click()
    page.locator("#result_list").get_by_text(city.due.number).click()
    expect(page.get_by_role("cell", name="+66.00")).to_be_visible()
    window.open(f"/office/accounts/refund/{city.due.pk}/approve/")
    page.get_by_label("利息（元）").fill("1.2.3")
    page.get_by_role("button", name="批准").click()
    expect(page.get_by_role("alert")).to_contain_text("金额")
    page.get_by_label("利息（元）").fill("")
    page.get_by_role("button", name="批准").click()
    expect(page.get_by_text("76.00")).to_be_visible()
    window.open(f"/office/accounts/refund/{city.due.pk}/pay_cash/")
    page.get_by_role("button", name="现金支付").click()
    expect(page.get_by_text("已付款")).to_be_visible()
    assert window.complaints == []


def test_a_subsidy_file_is_uploaded_by_one_and_paid_out_by_another(desktop: Watched, city: Money) -> None:
    from accounts.models import SubsidyBatch
    from tests.accounts.subsidies.files import subsidy_file
    from tests.citizencard.office.money import SECOND

    page = desktop.page
    sign_in(desktop, "finance")
    desktop.open("/office/accounts/subsidybatch/")
    page.get_by_role("link", name="上传文件").click()
    for number, amount in (("YL2026-07", "0.00"), ("YL2026-08", "88.00")):
        content = subsidy_file([(city.card.pan, amount)], number=number)
        page.locator("input[type=file]").set_input_files(
            {"name": "subsidy.csv", "mimeType": "text/csv", "buffer": content}
        )
        page.get_by_role("button", name="上传文件").click()
        if amount == "0.00":
            expect(page.get_by_role("heading", name="文件检查")).to_be_visible()
    expect(page.get_by_role("heading", name="明细")).to_be_visible()
    batch = SubsidyBatch.objects.get(number="YL2026-08")
    sign_in(desktop, SECOND)
    desktop.open(f"/office/accounts/subsidybatch/{batch.pk}/approve/")
    page.get_by_role("button", name="批准").click()
    expect(page.get_by_text("已批准")).to_be_visible()
    assert desktop.complaints == []


@pytest.mark.parametrize("window", ["phone"], indirect=True)
def test_every_page_of_the_office_runs_without_a_complaint(window: Watched, city: Money) -> None:
    sign_in(window, "root")
    links = window.page.locator("#nav-sidebar-apps a").evaluate_all(
        "all => all.map(one => one.getAttribute('href'))"
    )
    assert len(links) > 12
    own = [
        f"/office/accounts/card/{city.card.pk}/change/",
        f"/office/accounts/refund/{city.due.pk}/change/",
        f"/office/accounts/topuporder/{city.gateway_order.pk}/change/",
    ]
    _open_all(window, [*links, *own])
    window.page.context.clear_cookies()
    sign_in(window, "clerk")  # steps are not for superusers
    steps = [
        f"/office/accounts/card/{city.card.pk}/refund/",
        f"/office/accounts/mandate/{city.mandate.pk}/stop/",
    ]
    _open_all(window, [*steps, "/office/account/", "/office/password_change/"])
    assert window.complaints == []


def _open_all(window: Watched, paths: list[str]) -> None:
    """None is wider than the window."""
    for path in paths:
        window.open(path)
        wide = window.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, path
