"""Pricing what was tapped: rides rebuilt from taps, priced by the published documents, and put right where too much was taken."""

from terminals.services.pricing.service import PricedDay, price_day, price_due_days

__all__ = ["PricedDay", "price_day", "price_due_days"]
