from __future__ import annotations

from tests.terminals.chips import chip, psam, purse, till

__all__ = ["chip", "psam", "purse", "till"]
