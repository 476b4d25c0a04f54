from accounts.models.cards import Card, CardEvent, CardProduct, Purse
from accounts.models.family import FamilyLink
from accounts.models.gateway import GatewayEvent
from accounts.models.ledger import Chart, Closing, Journal, LedgerAccount, Tally, Transfer
from accounts.models.mandates import Mandate, MandateCollection
from accounts.models.notices import Notice
from accounts.models.people import Citizen, Consent, User
from accounts.models.subsidies import SubsidyBatch, SubsidyLine
from accounts.models.topup import TopUpOrder

__all__ = [
    "Card",
    "CardEvent",
    "CardProduct",
    "Chart",
    "Citizen",
    "Closing",
    "Consent",
    "FamilyLink",
    "GatewayEvent",
    "Journal",
    "LedgerAccount",
    "Mandate",
    "MandateCollection",
    "Notice",
    "Purse",
    "SubsidyBatch",
    "SubsidyLine",
    "Tally",
    "TopUpOrder",
    "Transfer",
    "User",
]
