"""Disputes from their opening to their end: the holder's word, the evidence, the clock, two pairs of eyes, the money."""

from settlement.services.disputes.appealing import appeal_dispute
from settlement.services.disputes.deciding import approve_decision, decide_dispute, reject_decision
from settlement.services.disputes.due import Settled, settle_due
from settlement.services.disputes.evidence import FILE_MAX, ask_evidence, file_evidence, open_file, open_words
from settlement.services.disputes.opening import open_dispute

__all__ = [
    "FILE_MAX",
    "Settled",
    "appeal_dispute",
    "approve_decision",
    "ask_evidence",
    "decide_dispute",
    "file_evidence",
    "open_dispute",
    "open_file",
    "open_words",
    "reject_decision",
    "settle_due",
]
