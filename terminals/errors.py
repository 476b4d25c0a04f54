"""What can be refused where cards meet machines."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from citizencard.core.errors import CitizenCardError


class TerminalsError(CitizenCardError):
    """Base of this app's errors."""

    code = "terminals_error"


class BatchNumberReused(TerminalsError):
    """A batch of that number was processed before with other content; nothing was posted. Data `number`."""

    code = "batch_number_reused"
    status = 409
    message = _("Batch %(number)s was already processed with other content.")
    rule = "one content per terminal and batch number"


class TariffWrong(TerminalsError):
    """A tariff's rule cannot be computed. Data `code` and `reason`."""

    code = "tariff_wrong"
    status = 422
    message = _("Tariff %(code)s cannot be computed: %(reason)s")


class TariffMissing(TerminalsError):
    """No version of the tariff is in force on the date. Data `code` and `date`."""

    code = "tariff_missing"
    status = 404
    message = _("Tariff %(code)s is not in force on %(date)s.")


class TerminalTaken(TerminalsError):
    """The code or SAM is registered otherwise already. Data `code`."""

    code = "terminal_taken"
    status = 409
    message = _("Terminal %(code)s, or its SAM, is registered with other data.")


class LoadUnfinished(TerminalsError):
    """The chip answered no more while value was being loaded. The order stays open; the same card settles it."""

    code = "load_unfinished"
    status = 409
    message = _("The card left before order %(number)s was loaded. Put the same card on the reader again.")


class WrongCardOnReader(TerminalsError):
    """Another card lies on the reader than the one meant. Data `expected` and `found`."""

    code = "wrong_card_on_reader"
    status = 409
    message = _("The reader holds card %(found)s, not %(expected)s.")
