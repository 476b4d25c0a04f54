from terminals.models.acceptance import Batch, Refusal, Tap
from terminals.models.field import HotListEntry, Merchant, Tariff, Terminal

__all__ = ["Batch", "HotListEntry", "Merchant", "Refusal", "Tap", "Tariff", "Terminal"]
