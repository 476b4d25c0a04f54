"""What terminals are told, signed: the centre's keys, the hot list in versions, documents made once for all, the time."""

from terminals.services.publishing.clock import signed_time
from terminals.services.publishing.documents import Answer, document_for
from terminals.services.publishing.hot_list import publish_hot_list
from terminals.services.publishing.keys import name_next_key, present_key, ride_code_key

__all__ = [
    "Answer",
    "document_for",
    "name_next_key",
    "present_key",
    "publish_hot_list",
    "ride_code_key",
    "signed_time",
]
