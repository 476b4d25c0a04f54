"""What commands take as arguments, checked before anything is done."""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import date


def business_date(text: str) -> date:
    """A date written YYYY-MM-DD."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"'{text}' is not a date of the form YYYY-MM-DD") from None
