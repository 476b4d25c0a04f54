from accounts.models.agents import Agent, Remittance
from accounts.models.batches import IssueBatch, IssueRow
from accounts.models.cards import Card, CardEvent, CardProduct, Purse
from accounts.models.changes import ComparisonList, PersonChange
from accounts.models.compensations import Compensation
from accounts.models.concessions import Concession
from accounts.models.disputed import CreditReturn, DisputedCharge
from accounts.models.family import FamilyLink
from accounts.models.gateway import GatewayEvent
from accounts.models.gateway_refund import GatewayRefund
from accounts.models.guardians import Guardianship
from accounts.models.holds import Hold
from accounts.models.identity import IdentityDocument
from accounts.models.incidents import CardDamage, CardFlag
from accounts.models.ledger import Chart, Closing, Journal, LedgerAccount, Tally, Transfer
from accounts.models.mandates import Mandate, MandateCollection
from accounts.models.matching import GatewayEntry, TopUpDifference
from accounts.models.merging import PersonMerge
from accounts.models.notices import Notice
from accounts.models.passes import Pass, PassLapse, PassProduct, PassUse
from accounts.models.payments import Payment, PaymentRefund
from accounts.models.people import Citizen, Consent, User
from accounts.models.policy import LimitPolicy
from accounts.models.refunds import Refund, RefundPart, RefundPolicy
from accounts.models.replacements import Replacement
from accounts.models.risk import RiskAlert, RiskParameters, RiskRule
from accounts.models.stock import (
    CardOrder,
    StockCount,
    StockItem,
    StockLevel,
    StockLine,
    StockMovement,
    StockPlace,
    StockProposal,
)
from accounts.models.subsidies import SubsidyBatch, SubsidyFunds, SubsidyLine
from accounts.models.topup import TopUpOrder

__all__ = [
    "Agent",
    "Card",
    "CardDamage",
    "CardEvent",
    "CardFlag",
    "CardOrder",
    "CardProduct",
    "Chart",
    "Citizen",
    "Closing",
    "ComparisonList",
    "Compensation",
    "Concession",
    "Consent",
    "CreditReturn",
    "DisputedCharge",
    "FamilyLink",
    "GatewayEntry",
    "GatewayEvent",
    "GatewayRefund",
    "Guardianship",
    "Hold",
    "IdentityDocument",
    "IssueBatch",
    "IssueRow",
    "Journal",
    "LedgerAccount",
    "LimitPolicy",
    "Mandate",
    "MandateCollection",
    "Notice",
    "Pass",
    "PassLapse",
    "PassProduct",
    "PassUse",
    "Payment",
    "PaymentRefund",
    "PersonChange",
    "PersonMerge",
    "Purse",
    "Refund",
    "RefundPart",
    "RefundPolicy",
    "Remittance",
    "Replacement",
    "RiskAlert",
    "RiskParameters",
    "RiskRule",
    "StockCount",
    "StockItem",
    "StockLevel",
    "StockLine",
    "StockMovement",
    "StockPlace",
    "StockProposal",
    "SubsidyBatch",
    "SubsidyFunds",
    "SubsidyLine",
    "Tally",
    "TopUpDifference",
    "TopUpOrder",
    "Transfer",
    "User",
]
