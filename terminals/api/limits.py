"""How large a body may be, where it is not small."""

from typing import Final

BATCH_BYTES: Final = 24 * 1024 * 1024
"""Room for the largest number of records a batch may hold."""
TAP_BYTES: Final = 8 * 1024
