from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TerminalsConfig(AppConfig):
    name = "terminals"
    verbose_name = _("terminals")

    def ready(self) -> None:
        """A purchase without proof holds up the refund of its card."""
        from accounts.selectors.refund_blockers import ask_further
        from terminals.selectors.open_greys import grey_blockers

        ask_further(grey_blockers)
