from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "citizencard.core"
    label = "core"

    def ready(self) -> None:
        """Register the checks that keep demo settings out of production."""
        from citizencard.core import checks  # noqa: F401  registering is the import's effect
