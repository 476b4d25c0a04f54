from settlement.models.clearing import ClearingRun, Statement
from settlement.models.parts import ClearingPart

__all__ = ["ClearingPart", "ClearingRun", "Statement"]
