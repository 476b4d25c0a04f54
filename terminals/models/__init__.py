from terminals.models.acceptance import Batch, Refusal, Tap
from terminals.models.field import Channel, HotListEntry, Merchant, Tariff, Terminal

__all__ = ["Batch", "Channel", "HotListEntry", "Merchant", "Refusal", "Tap", "Tariff", "Terminal"]
