"""A holder activates a new card in the portal with the number of the document."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import ActivationLock, Card, CardProduct
from accounts.services.citizens import create_login
from citizencard.core.models import AuditEntry
from tests.citizencard.city import PASSWORD
from tests.citizencard.portal.household import Resident
from tests.factories import document_number, make_card, make_citizen

pytestmark = pytest.mark.django_db


NUMBER = document_number()


@pytest.fixture
def new(product: CardProduct) -> Resident:
    """Somebody whose card has come by post."""
    citizen = make_citizen(document_number=NUMBER)
    client = Client()
    client.force_login(create_login(citizen=citizen, password=PASSWORD))
    return Resident(citizen, make_card(product=product, citizen=citizen, state=Card.State.ISSUED), client)


def test_the_number_of_the_document_activates_and_three_wrong_ones_close_it(new: Resident) -> None:
    path = f"/cards/{new.card.pk}/activate/"
    assert path in new.page("/")
    for _ in range(3):
        refused = new.client.post(path, {"document_number": document_number()})
        assert (refused.status_code, "证件与持卡人不符" in refused.content.decode()) == (422, True)
    closed = new.client.post(path, {"document_number": NUMBER})
    assert (closed.status_code, "不能激活" in closed.content.decode()) == (409, True)
    ActivationLock.objects.update(locked_until=None)
    assert new.client.post(path, {"document_number": NUMBER}).status_code == 302
    assert path not in new.page("/")
    assert AuditEntry.objects.get(action="card.activate").actor == f"citizen:{new.citizen.pk}"


def test_nobody_activates_the_card_of_another(new: Resident, lin: Resident) -> None:
    path = f"/cards/{new.card.pk}/activate/"
    assert Client().post(path).status_code == 302
    assert lin.client.post(path, {"document_number": NUMBER}).status_code == 404
    assert Card.objects.get(pk=new.card.pk).state == Card.State.ISSUED
