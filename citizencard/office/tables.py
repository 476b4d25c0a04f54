"""Small tables on the office's detail pages: built here as plain values, drawn by `office/tables.html`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Model
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django_stubs_ext import StrOrPromise

from citizencard.templatetags.money import signed_yuan, yuan


@dataclass(frozen=True)
class Table:
    """Headers and rows; columns whose index is in `numeric` stand to the right. `total` is a last row in bold."""

    title: StrOrPromise
    headers: Sequence[StrOrPromise]
    rows: Sequence[Sequence[Any]]
    numeric: frozenset[int] = frozenset()
    total: Sequence[Any] = ()
    note: StrOrPromise = ""


def columns(*numbers: int) -> frozenset[int]:
    """Which columns hold numbers."""
    return frozenset(numbers)


def link(target: Model, text: object | None = None) -> SafeString:
    """A link to the admin page of `target`."""
    meta = target._meta
    url = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[target.pk])
    return format_html('<a href="{}">{}</a>', url, target if text is None else text)


def at(moment: datetime | None) -> str:
    """City time to the second, or a dash."""
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M:%S}" if moment else "–"


def money(amounts_fen: Iterable[int]) -> list[str]:
    """Several amounts in yuan."""
    return [yuan(amount) for amount in amounts_fen]


__all__ = ["Table", "at", "columns", "link", "money", "signed_yuan", "yuan"]
