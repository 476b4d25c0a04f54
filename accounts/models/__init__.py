from accounts.models.cards import Card, CardEvent, CardProduct, Purse
from accounts.models.ledger import Chart, Journal, LedgerAccount, Transfer
from accounts.models.people import Citizen, Consent, User
from accounts.models.topup import TopUpOrder

__all__ = [
    "Card",
    "CardEvent",
    "CardProduct",
    "Chart",
    "Citizen",
    "Consent",
    "Journal",
    "LedgerAccount",
    "Purse",
    "TopUpOrder",
    "Transfer",
    "User",
]
