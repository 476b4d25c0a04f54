"""The ride code's page: a new code each time, read back from the picture, renewed without a script, nobody else's."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from citizencard.core.keyservice.client import KeyServiceClient
from citizencard.core.keyservice.signing import SignPurpose
from terminals.wire import ride_code
from tests.citizencard.portal.test_qr import read

if TYPE_CHECKING:
    from tests.citizencard.portal.household import Resident

pytestmark = pytest.mark.django_db


def scanned(page: str) -> str:
    """The text of the code in a page, by its picture alone."""
    return read(page)


def test_the_page_shows_a_code_that_a_terminal_believes_and_renews_it(
    lin: Resident, key_service: KeyServiceClient
) -> None:
    lin.give_money(5_000)
    first, second = (lin.client.get(f"/cards/{lin.card.pk}/ride-code/") for _ in range(2))
    assert first.status_code == 200
    refresh = re.search(r'http-equiv="refresh" content="(\d+)"', first.content.decode())
    assert refresh
    assert 5 <= int(refresh[1]) <= 50
    assert "<script" not in first.content.decode().split('class="ride-code"')[1].split("</section>")[0]
    key = key_service.public_key(SignPurpose.RIDE_CODE)
    codes = [
        ride_code.read(scanned(page.content.decode()), {ride_code.key_of(key): key})
        for page in (first, second)
    ]
    assert codes[0].number != codes[1].number
    assert (codes[0].card_no, codes[0].most_fen, codes[0].lifetime) == (
        lin.card.pan, 5_000, timedelta(seconds=60),
    )  # fmt: skip
    assert codes[0].issued_at <= timezone.now()
    assert "no-store" in first.headers["Cache-Control"]


def test_without_money_it_says_so(lin: Resident) -> None:
    page = lin.client.get(f"/cards/{lin.card.pk}/ride-code/")
    assert page.status_code == 409
    assert "<svg" not in page.content.decode()
    assert "refresh" not in page.content.decode()


def test_nobody_gets_the_code_of_another_ones_card(lin: Resident, chen: Resident) -> None:
    assert chen.client.get(f"/cards/{lin.card.pk}/ride-code/").status_code == 404
