"""A copy of everything on record about a person (Personal Information Protection Law, article 45): one structure, for machines and to read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Field, ForeignKey, Model, Q
from django.utils.text import capfirst

from accounts.models import Citizen, Purse, Transfer
from accounts.selectors.people import TABLE
from accounts.services.papers import number_place
from citizencard.core.models import CounterRanges
from citizencard.core.pii import SealedField, reveal_many
from citizencard.privacy.selectors.tables import WITHHELD, rows_of, tables
from terminals.models import Tap

FORM: Final = "citizencard copy 1"
_STAFF: Final = frozenset({"actor", "maker", "checker", "clerk", "seen_by", "agent"})
"""Columns that name who was at work; those that end in `_by` do so as well."""
_BYTES: Final = frozenset({"BinaryField"})
_SECRET: Final = frozenset({"password", "payee", "setup_id", "gateway_method", "gateway_mandate"})
_SEALED: Final = ("name", "phone", "birth")


def copy_of(citizen: Citizen, *, now: datetime) -> dict[str, Any]:
    """What is on record, as plain values: person and documents in clear, every table, transfers of the purses, purchases.

    Not in it: passwords, keys and references of payment, names of staff, ids of other people, and the tables of WITHHELD, which
    are named with the reason. Raises KeyServiceUnavailable.
    """
    cards = list(citizen.cards.values_list("pk", flat=True))
    accounts = list(Purse.objects.filter(card__in=cards).values_list("account", flat=True))
    shown = [model for model in tables() if model._meta.label not in WITHHELD]
    return {
        "form": FORM,
        "made_at": now.isoformat(timespec="seconds"),
        "person": _person(citizen),
        "tables": {
            model._meta.label: _table(model, list(rows_of(citizen, model).iterator())) for model in shown
        }
        | {
            "accounts.Transfer": _table(
                Transfer, list(Transfer.objects.filter(Q(debit_id__in=accounts) | Q(credit_id__in=accounts)))
            ),
            "terminals.Tap": _table(Tap, list(Tap.objects.filter(card_id__in=cards))),
        },
        "withheld": WITHHELD,
    }


def _person(citizen: Citizen) -> dict[str, Any]:
    """What is sealed, opened for its owner."""
    kept = [column for column in _SEALED if getattr(citizen, f"{column}_sealed")]
    places = [
        SealedField(TABLE, column, citizen.pk, bytes(getattr(citizen, f"{column}_sealed"))) for column in kept
    ]
    documents = list(citizen.documents.order_by("added_at"))
    values = reveal_many([*places, *map(number_place, documents)])
    return {
        **dict.fromkeys(_SEALED, ""),
        **dict(zip(kept, values, strict=False)),
        "documents": [
            {"kind": each.get_kind_display(), "number": number}
            for each, number in zip(documents, values[len(kept) :], strict=True)
        ],
    }


def _table(model: type[Model], rows: list[Any]) -> dict[str, Any]:
    fields = list(_fields(model))
    return {
        "title": capfirst(str(model._meta.verbose_name_plural)),
        "columns": {field.name: capfirst(str(field.verbose_name)) for field in fields},
        "rows": [[_value(row, field) for field in fields] for row in rows],
    }


def _fields(model: type[Model]) -> Iterator[Field[Any, Any]]:
    for field in model._meta.concrete_fields:
        is_staff = field.name in _STAFF or field.name.endswith("_by")
        is_bytes = field.get_internal_type() in _BYTES or isinstance(field, CounterRanges)
        is_person = isinstance(field, ForeignKey) and field.related_model is Citizen
        if not (is_staff or is_bytes or is_person or field.name in _SECRET):
            yield field


def _value(row: Model, field: Field[Any, Any]) -> Any:
    """Plain JSON; a choice by its word."""
    if field.choices:
        return str(getattr(row, f"get_{field.name}_display")())
    value = getattr(row, field.attname)
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value
