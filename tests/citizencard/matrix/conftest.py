"""The matrix asks who is let in, not what a page looks like."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from tests.citizencard.portal.conftest import chen, gateway, lin, net, product
from tests.terminals.conftest import card, field

__all__ = ["card", "chen", "field", "gateway", "lin", "net", "product"]


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is drawn or logged: that takes most of a page's time, and never changes who is let in."""
    from django.template.backends.django import Template

    def nothing(self: Template, context: Any = None, request: Any = None) -> str:
        return ""

    monkeypatch.setattr(Template, "render", nothing)
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
