from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CoreConfig(AppConfig):
    name = "citizencard.core"
    label = "core"
    verbose_name = _("foundation")

    def ready(self) -> None:
        """Register the checks that keep demo settings out of production."""
        from citizencard.core import checks  # noqa: F401  registering is the import's effect
