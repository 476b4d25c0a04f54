from settlement.models.bank import BankEntry, BankFile, BankSource, BankStatement
from settlement.models.clearing import ClearingRun, Statement
from settlement.models.payouts import PayoutAccount, PayoutBatch, PayoutCarried, PayoutOrder, PayoutPolicy
from settlement.models.reserve import ReserveReport
from settlement.models.suspense import SuspenseItem

__all__ = [
    "BankEntry",
    "BankFile",
    "BankSource",
    "BankStatement",
    "ClearingRun",
    "PayoutAccount",
    "PayoutBatch",
    "PayoutCarried",
    "PayoutOrder",
    "PayoutPolicy",
    "ReserveReport",
    "Statement",
    "SuspenseItem",
]
