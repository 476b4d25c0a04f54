"""A number on the office's first page."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import reverse


@dataclass(frozen=True)
class Tile:
    """One number, what it is, where it leads; `tone` is good, bad or nothing."""

    name: str
    value: object
    detail: str = ""
    url: str = ""
    tone: str = ""


def list_url(model: str, query: str = "") -> str:
    """The list of a model, named `app_model`."""
    return reverse(f"admin:{model}_changelist") + query
