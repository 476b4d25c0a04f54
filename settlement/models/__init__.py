from settlement.models.clearing import ClearingRun, Statement
from settlement.models.files import SettlementFiles
from settlement.models.parts import ClearingPart
from settlement.models.proofs import ProofHead, PurseBlock, TransferBlock

__all__ = [
    "ClearingPart",
    "ClearingRun",
    "ProofHead",
    "PurseBlock",
    "SettlementFiles",
    "Statement",
    "TransferBlock",
]
