from settlement.models.adjustments import Adjustment, AdjustmentCheck, AdjustmentPolicy
from settlement.models.calendar import CalendarDay, CalendarYear, CutOff
from settlement.models.clearing import ClearingRun, Position, Statement, StatementShare
from settlement.models.contracts import WHOLE, Contract, ContractBand, ContractShare
from settlement.models.proposals import Proposal

__all__ = [
    "WHOLE",
    "Adjustment",
    "AdjustmentCheck",
    "AdjustmentPolicy",
    "CalendarDay",
    "CalendarYear",
    "ClearingRun",
    "Contract",
    "ContractBand",
    "ContractShare",
    "CutOff",
    "Position",
    "Proposal",
    "Statement",
    "StatementShare",
]
