"""The pages of the stock: levels in red below their minimum, movements with their cards, lists with masks only."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import StockMovement
from accounts.services.batch_issue import approve_batch, run_chunk
from accounts.services.stock import set_minimum
from citizencard.core.keyservice.keystore import KeyStore
from tests.accounts.stock.lists import row, uploaded
from tests.accounts.stock.shelf import CHECKER, deliver, make_stock, numbers, open_places
from tests.citizencard.city import make_staff
from tests.factories import CLERK, document_number

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_quick_passwords")]


def test_what_the_pages_show(as_staff: Callable[[str], Client], demo_keys: KeyStore) -> None:
    make_staff()
    places = open_places()
    order = make_stock(places, 2)
    deliver(order, places)
    set_minimum(place=places.hall, product=order.product, minimum=3, actor=CLERK)
    document = document_number()
    batch = uploaded(places, [row(document=document)])
    run_chunk(batch=approve_batch(batch=batch, checker=CHECKER))
    client = as_staff("clerk")

    def page(name: str, *key: object) -> str:
        return client.get(reverse(f"admin:accounts_{name}", args=key)).content.decode()

    assert "red" in page("stocklevel_changelist")
    assert numbers(order)[0] in page("stockmovement_change", StockMovement.objects.latest("pk").pk)
    assert numbers(order)[1] in page("cardorder_change", order.pk)
    shown = page("issuebatch_change", batch.pk)
    assert batch.rows.get().card.pan in shown
    assert document not in shown
