"""The pages of the office, by what they are about. Importing registers them."""

from citizencard.office.admin import books, cards, days, field, people

__all__ = ["books", "cards", "days", "field", "people"]
