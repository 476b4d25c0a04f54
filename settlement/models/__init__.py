from settlement.models.adjustments import Adjustment, AdjustmentCheck, AdjustmentPolicy
from settlement.models.bank import BankEntry, BankFile, BankSource, BankStatement
from settlement.models.calendar import CalendarDay, CalendarYear, CutOff
from settlement.models.clearing import ClearingRun, Position, Statement, StatementShare
from settlement.models.contracts import WHOLE, Contract, ContractBand, ContractShare
from settlement.models.differences import (
    DECIDED_ELSEWHERE,
    WITHOUT_MONEY,
    Difference,
    DifferenceKind,
    DifferenceStep,
    Reconciliation,
    WindowCount,
)
from settlement.models.disputes import Dispute, DisputeDecision, DisputeEvidence, DisputeKind, DisputePolicy
from settlement.models.files import SettlementFiles
from settlement.models.months import MonthClose, MonthReport
from settlement.models.parts import ClearingPart
from settlement.models.payouts import PayoutAccount, PayoutBatch, PayoutCarried, PayoutOrder, PayoutPolicy
from settlement.models.proofs import ProofHead, PurseBlock, TransferBlock
from settlement.models.proposals import Proposal
from settlement.models.reserve import ReserveReport
from settlement.models.rollups import RollUp, RollUpRow
from settlement.models.suspense import SuspenseItem

__all__ = [
    "DECIDED_ELSEWHERE",
    "WHOLE",
    "WITHOUT_MONEY",
    "Adjustment",
    "AdjustmentCheck",
    "AdjustmentPolicy",
    "BankEntry",
    "BankFile",
    "BankSource",
    "BankStatement",
    "CalendarDay",
    "CalendarYear",
    "ClearingPart",
    "ClearingRun",
    "Contract",
    "ContractBand",
    "ContractShare",
    "CutOff",
    "Difference",
    "DifferenceKind",
    "DifferenceStep",
    "Dispute",
    "DisputeDecision",
    "DisputeEvidence",
    "DisputeKind",
    "DisputePolicy",
    "MonthClose",
    "MonthReport",
    "PayoutAccount",
    "PayoutBatch",
    "PayoutCarried",
    "PayoutOrder",
    "PayoutPolicy",
    "Position",
    "ProofHead",
    "Proposal",
    "PurseBlock",
    "Reconciliation",
    "ReserveReport",
    "RollUp",
    "RollUpRow",
    "SettlementFiles",
    "Statement",
    "StatementShare",
    "SuspenseItem",
    "TransferBlock",
    "WindowCount",
]
