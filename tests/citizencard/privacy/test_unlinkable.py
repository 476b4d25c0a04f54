"""M7: the purse of an anonymous card leads to nobody: where a person and a card stand in one row, the card is a real-name one."""

from __future__ import annotations

import pytest
from django.apps import apps

from accounts.models import Card, Citizen, Purse
from tests.factories import make_card, make_citizen

BOTH = {
    "accounts_card": "its holder; empty on an anonymous card, and by product",
    "accounts_concession": "of a holder, the card is theirs",
    "accounts_topuporder": "who in the family has paid for somebody else's real-name card",
    "accounts_mandate": "real-name cards only",
    "accounts_issueapplication": "who a real-name card is made for; an anonymous one is asked for by nobody",
}
"""Tables that name a person beside a card or purse, and why it is not an anonymous one."""


def test_no_other_table_names_a_person_beside_a_card() -> None:
    named = {
        model._meta.db_table
        for model in apps.get_models()
        if (
            {field.related_model for field in model._meta.concrete_fields} >= {Citizen}
            and {field.related_model for field in model._meta.concrete_fields} & {Card, Purse}
        )
        or model is Card
    }
    assert named == set(BOTH)


@pytest.mark.django_db
def test_nothing_that_belongs_to_an_anonymous_card_leads_to_a_person(open_day: object) -> None:
    """The attack: from the card along every foreign key in either direction, but through no other card, to a citizen."""
    make_citizen()
    seen, edge = set[tuple[str, object]](), [make_card()]
    while edge:
        row = edge.pop()
        assert not isinstance(row, Citizen)
        for field in row._meta.get_fields():
            if not field.is_relation or field.many_to_many or field.related_model is None:
                continue
            if field.concrete:
                reached = [value] if (value := getattr(row, field.name)) is not None else []
            elif row._meta.label in ("accounts.Card", "accounts.Purse"):
                reached = list(field.related_model._default_manager.filter(**{field.field.name: row}))
            else:
                continue
            for each in reached:
                if (key := (each._meta.label, each.pk)) not in seen:
                    seen.add(key)
                    edge.append(each)
    assert ("accounts.Purse", Purse.objects.get().pk) in seen
