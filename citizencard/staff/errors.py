"""Why somebody is not let in, or not given a role."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from citizencard.core.errors import CitizenCardError


class FactorRefused(CitizenCardError):
    """Code or key do not fit; which of the two kinds of codes it was is not told."""

    code = "factor_refused"
    status = 401
    message = _("That is not right, or was used before.")


class SecurityKeyCopied(CitizenCardError):
    """The key's counter went back: there are two of it. Data `name`."""

    code = "security_key_copied"
    status = 401
    message = _(
        "The key “%(name)s” seems to have been copied and is not accepted any more. Tell an administrator."
    )


class NoSecurityKeys(CitizenCardError):
    """Browsers tie keys to a site's name; here the site has only a number."""

    code = "no_security_keys"
    status = 409
    message = _("Security keys need a site with a name: set PORTAL_URL.")


class RolesApart(CitizenCardError):
    """One person may not have both. Data `roles`."""

    code = "roles_apart"
    status = 409
    message = _("One person may not have these roles together: %(roles)s.")
    rule = "separation of duties"


class NotOnesOwn(CitizenCardError):
    """Nobody has a hand in changing their own account."""

    code = "account_not_of_ones_own"
    status = 403
    message = _("Nobody changes their own account: somebody else has to propose and another approve it.")
    rule = "four eyes"


class ChangePending(CitizenCardError):
    """One change of an account at a time. Data `username`."""

    code = "account_change_pending"
    status = 409
    message = _("A change of the account %(username)s waits to be decided.")


class AccountState(CitizenCardError):
    """There is no such account, or it is what it is to become. Data `username`."""

    code = "account_state"
    status = 409
    message = _("The account %(username)s cannot be changed like that now.")
