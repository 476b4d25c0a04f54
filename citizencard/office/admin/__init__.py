"""The pages of the office, by what they are about. Importing registers them."""

from citizencard.office.admin import (
    agents,
    books,
    cards,
    days,
    fares,
    field,
    fleet,
    gateway,
    incidents,
    mandates,
    passes,
    people,
    products,
    refunds,
    subsidies,
    topups,
)

__all__ = [
    "agents",
    "books",
    "cards",
    "days",
    "fares",
    "field",
    "fleet",
    "gateway",
    "incidents",
    "mandates",
    "passes",
    "people",
    "products",
    "refunds",
    "subsidies",
    "topups",
]
