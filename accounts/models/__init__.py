from accounts.models.cards import Card, CardEvent, CardProduct, Purse
from accounts.models.gateway import GatewayEvent
from accounts.models.ledger import Chart, Closing, Journal, LedgerAccount, Tally, Transfer
from accounts.models.people import Citizen, Consent, User
from accounts.models.topup import TopUpOrder

__all__ = [
    "Card",
    "CardEvent",
    "CardProduct",
    "Chart",
    "Citizen",
    "Closing",
    "Consent",
    "GatewayEvent",
    "Journal",
    "LedgerAccount",
    "Purse",
    "Tally",
    "TopUpOrder",
    "Transfer",
    "User",
]
