"""Second factors, sessions, and changes of accounts that take two people."""

from citizencard.staff.models.accounts import AccountChange, RoleConflict, StartingCode
from citizencard.staff.models.factors import AuthenticatorApp, RecoveryCode, SecurityKey
from citizencard.staff.models.sessions import StaffSession

__all__ = [
    "AccountChange",
    "AuthenticatorApp",
    "RecoveryCode",
    "RoleConflict",
    "SecurityKey",
    "StaffSession",
    "StartingCode",
]
