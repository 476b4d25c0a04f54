"""Fares in a browser: anybody calculates, a holder reads why, and the office weighs a proposal by what it changes."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest
from playwright.sync_api import expect

from accounts.services.concessions import grant_concession
from accounts.services.subsidies import open_subsidy_payer
from citizencard.core.keyservice.keystore import KeyStore
from terminals.models import Channel, Terminal
from terminals.services.acceptance import accept_batch
from terminals.services.fares import propose_fares
from terminals.services.places import save_stop
from terminals.services.pricing import price_day
from terminals.wire.batch import build_batch
from tests.browser.test_office import sign_in as staff_signs_in
from tests.browser.test_portal import CONTRAST, FITS, UNNAMED, sign_in
from tests.citizencard.city import City
from tests.factories import CLERK, NOON
from tests.fixtures_accounts import TODAY
from tests.fixtures_browser import Watched
from tests.terminals.fare_shelf import flat, publish
from tests.terminals.pricing.city import STATIONS, documents

pytestmark = pytest.mark.browser


@pytest.fixture
def fares(city: City, demo_keys: KeyStore) -> City:
    """Published fares, a student, and two bus rides of hers that cost less than was taken."""
    for payer in ("CZJ", "JYJ"):
        open_subsidy_payer(code=payer, name=payer, actor="city")
    for code, name in STATIONS.items():
        save_stop(code=code, name=name)
    publish(*documents())
    grant_concession(
        card=city.card,
        category="student",
        valid_from=TODAY,
        proof="学籍名册",
        legal_basis="学生乘车优惠办法",
        checked_by=CLERK,
    )
    bus = city.fields["BUS"]
    Terminal.objects.filter(merchant__channel=Channel.BUS).update(tariff_code="bus")
    tap = bus.tap(city.card, 31, 200, occurred_at=NOON)
    accept_batch(terminal=bus.terminal, body=build_batch("B-31", [tap]))
    price_day(day=city.open_day)
    return city


def look(window: Watched, name: str) -> None:
    """Nothing complains, everything fits and can be read; kept as a picture where SHOTS names a folder."""
    page = window.page
    if folder := os.environ.get("SHOTS"):
        width = page.viewport_size["width"] if page.viewport_size else 0
        page.screenshot(path=Path(folder) / f"{name}-{width}.png", full_page=True)
    assert page.evaluate(FITS), name
    assert page.evaluate(UNNAMED) == [], name
    assert page.evaluate(CONTRAST) == [], name
    assert window.complaints == [], name


def test_anybody_calculates_a_fare(window: Watched, fares: City) -> None:
    window.open("/fares/")
    look(window, "fares")
    page = window.page
    page.get_by_label("票价", exact=True).select_option("metro")
    page.get_by_label("上车或进站").select_option("metro|0101")
    page.get_by_label("下车或出站").select_option("metro|0103")
    page.get_by_label("优待").select_option("student")
    page.get_by_label("换乘自").select_option("bus")
    page.get_by_label("距上次乘车的分钟数").fill("20")
    page.get_by_role("button", name="计算").click()
    expect(page.get_by_text("东海至西湖")).to_be_visible()
    expect(page.locator(".balance-amount")).to_have_text("¥0.50")
    look(window, "fare-quote")


def test_a_holder_reads_why_a_ride_cost_what_it_did(window: Watched, fares: City) -> None:
    sign_in(window, fares)
    window.open(f"/cards/{fares.card.pk}/")
    window.page.locator(f"a[href='/cards/{fares.card.pk}/rides/{fares.open_day}/31/']").click()
    expect(window.page.get_by_text("student，支付50%")).to_be_visible()
    look(window, "ride")


def test_the_office_weighs_a_proposal(window: Watched, fares: City) -> None:
    dearer = flat("bus", 300, version=2, valid_from=date(2090, 1, 1).isoformat())
    proposal = propose_fares(documents=[dearer], maker="maker")
    staff_signs_in(window, "finance")
    window.open(f"/office/terminals/fareproposal/{proposal.pk}/approve/")
    expect(window.page.get_by_role("cell", name="3.00", exact=True)).to_be_visible()
    if folder := os.environ.get("SHOTS"):
        width = window.page.viewport_size["width"] if window.page.viewport_size else 0
        window.page.screenshot(path=Path(folder) / f"proposal-{width}.png", full_page=True)
        window.open("/office/terminals/faredocument/")
        window.page.screenshot(path=Path(folder) / f"documents-{width}.png", full_page=True)
        window.open("/office/accounts/concession/")
        window.page.screenshot(path=Path(folder) / f"concessions-{width}.png", full_page=True)
        window.open(f"/office/accounts/card/{fares.card.pk}/concession/")
        window.page.screenshot(path=Path(folder) / f"grant-{width}.png", full_page=True)
    assert window.complaints == []
