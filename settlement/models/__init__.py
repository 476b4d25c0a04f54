from settlement.models.clearing import ClearingRun, Statement

__all__ = ["ClearingRun", "Statement"]
