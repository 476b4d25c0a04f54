from __future__ import annotations

from tests.terminals.bench import chip, psam, purse, till

__all__ = ["chip", "psam", "purse", "till"]
