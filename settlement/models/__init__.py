from settlement.models.bank import BankEntry, BankFile, BankSource, BankStatement
from settlement.models.clearing import ClearingRun, Statement
from settlement.models.files import SettlementFiles
from settlement.models.parts import ClearingPart
from settlement.models.payouts import PayoutAccount, PayoutBatch, PayoutCarried, PayoutOrder, PayoutPolicy
from settlement.models.proofs import ProofHead, PurseBlock, TransferBlock
from settlement.models.reserve import ReserveReport
from settlement.models.suspense import SuspenseItem

__all__ = [
    "BankEntry",
    "BankFile",
    "BankSource",
    "BankStatement",
    "ClearingPart",
    "ClearingRun",
    "PayoutAccount",
    "PayoutBatch",
    "PayoutCarried",
    "PayoutOrder",
    "PayoutPolicy",
    "ProofHead",
    "PurseBlock",
    "ReserveReport",
    "SettlementFiles",
    "Statement",
    "SuspenseItem",
    "TransferBlock",
]
