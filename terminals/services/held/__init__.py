"""What waits in suspense is decided: by rule where there is one, else by two people; and claims are collected or written off.

Whoever decides takes turns with all others who do, so that each purchase and each claim ends once.
"""

from terminals.services.held.claims import collect_claims
from terminals.services.held.hot_listed import settle_hot_listed
from terminals.services.held.in_time import settle_in_time
from terminals.services.held.proposals import (
    approve_proposal,
    propose_purchase,
    propose_write_off,
    reject_proposal,
)
from terminals.services.held.run import Settled, settle_held

__all__ = [
    "Settled",
    "approve_proposal",
    "collect_claims",
    "propose_purchase",
    "propose_write_off",
    "reject_proposal",
    "settle_held",
    "settle_hot_listed",
    "settle_in_time",
]
