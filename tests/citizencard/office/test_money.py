"""Stored value in the office: what its pages show, what each step does, who may take it."""

from __future__ import annotations

from collections.abc import Callable

from django.test import Client

from citizencard.office.site import office
from tests.citizencard.office.money import Money

SignIn = Callable[[str], Client]


def page(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return answer.content.decode()


def test_every_page_with_money_on_it_opens(money: Money, as_staff: SignIn) -> None:
    client = as_staff("root")
    for model in office._registry:
        meta = model._meta
        page(client, f"/office/{meta.app_label}/{meta.model_name}/")
        for thing in model._default_manager.all()[:3]:
            page(client, f"/office/{meta.app_label}/{meta.model_name}/{thing.pk}/change/")
