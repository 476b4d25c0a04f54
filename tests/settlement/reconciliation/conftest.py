"""The terminals' field and card, for a day that is cleared and compared."""

from __future__ import annotations

from tests.terminals.conftest import card, field

__all__ = ["card", "field"]
