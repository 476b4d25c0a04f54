"""What has come back of a purchase, whoever gave it."""

from __future__ import annotations

from django.db.models import Sum

from terminals.models import FareCharge, PurchaseReturn, Tap


def given_back_fen(tap: Tap) -> int:
    """Fen the merchant has taken back of the purchase, and fen that pricing has given back of it as a ride; disputes apart."""
    returns = PurchaseReturn.objects.filter(tap_date=tap.business_date, tap_id=tap.id)
    fares = FareCharge.objects.filter(business_date=tap.business_date, card_id=tap.card_id, atc=tap.atc)
    back: int = returns.aggregate(fen=Sum("amount_fen"))["fen"] or 0
    return back + (fares.aggregate(fen=Sum("given_fen"))["fen"] or 0)
