"""A citizen with a browser: sign in, look, turn pages; nothing complains and nothing leaves the house."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from tests.citizencard.city import PASSWORD, USES, City
from tests.fixtures_browser import PHONE, Watched

pytestmark = pytest.mark.browser

# Relative luminance and contrast as WCAG 2.1 defines them, for every element with text of its own.
CONTRAST = """() => {
  const channel = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const parse = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const ground = node => {
    for (; node; node = node.parentElement) {
      const style = getComputedStyle(node);
      if (style.backgroundImage !== 'none') return null;
      const colour = parse(style.backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const node of document.querySelectorAll('body *')) {
    const own = [...node.childNodes].some(child => child.nodeType === 3 && child.data.trim());
    const behind = own && node.getClientRects().length ? ground(node) : null;
    if (!behind) continue;
    const [a, b] = [light(parse(getComputedStyle(node).color)), light(behind)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) poor.push(`${node.className} ${ratio.toFixed(2)}`);
  }
  return poor;
}"""
FITS = "() => document.documentElement.scrollWidth <= document.documentElement.clientWidth"
UNNAMED = """() => [...document.querySelectorAll('input:not([type=hidden]), select, button, a, img')].filter(
  node => !(node.labels?.length || node.textContent.trim() || node.getAttribute('aria-label') || node.hasAttribute('alt'))
).map(node => node.outerHTML)"""


def sign_in(window: Watched, city: City) -> None:
    window.open("/")
    window.page.get_by_label("证件号码或卡号").fill(city.document)
    window.page.get_by_label("密码").fill(PASSWORD)
    window.page.get_by_role("button", name="登录").click()
    expect(window.page.get_by_role("heading", name="您好")).to_be_visible()


def test_sign_in_home_statement(window: Watched, city: City) -> None:
    sign_in(window, city)
    page = window.page
    expect(page.locator(".balance-amount")).to_have_text("¥29.80")
    page.get_by_role("link", name="查看全部明细").click()
    expect(page.get_by_role("heading", name="交易明细")).to_be_visible()
    expect(page.locator(".lines tbody tr")).to_have_count(len(USES) + 2)
    page.get_by_label("月份").select_option("2026-03")
    page.get_by_role("button", name="查询").click()
    expect(page).to_have_url(re.compile("month=2026-03"))
    page.get_by_role("button", name="退出").click()
    expect(page).to_have_url(re.compile("/login/"))
    assert window.complaints == []


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("large", [False, True])
def test_every_page_is_readable(
    chromium: Browser, live_server: LiveServer, city: City, dark: bool, large: bool
) -> None:
    context = chromium.new_context(
        viewport=PHONE,  # type: ignore[arg-type]
        locale="zh-CN",
        color_scheme="dark" if dark else "light",
    )
    window = Watched(context.new_page(), live_server.url)
    window.open("/login/")
    if large:
        window.page.get_by_role("button", name="大字版").click()
    pages = [window.page.evaluate(check) for check in (CONTRAST, UNNAMED, FITS)]
    sign_in(window, city)
    for path in ("/", f"/cards/{city.card.pk}/"):
        window.open(path)
        pages += [window.page.evaluate(check) for check in (CONTRAST, UNNAMED, FITS)]
    context.close()
    assert pages == [[], [], True] * 3


def test_the_keyboard_alone_is_enough(desktop: Watched, city: City) -> None:
    desktop.open("/login/")
    page = desktop.page
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="跳到正文")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type(city.document)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="您好")).to_be_visible()


def test_it_works_without_javascript_in_three_languages(
    chromium: Browser, live_server: LiveServer, city: City
) -> None:
    context = chromium.new_context(java_script_enabled=False, locale="zh-CN")
    window = Watched(context.new_page(), live_server.url)
    sign_in(window, city)
    for button, word in (("繁體", "後台餘額"), ("English", "Back-office balance"), ("简体", "后台余额")):
        window.page.get_by_role("button", name=button).click()
        expect(window.page.get_by_text(word)).to_be_visible()
    context.close()
    assert window.complaints == []
