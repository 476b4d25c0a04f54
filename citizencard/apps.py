from django.apps import AppConfig


class CitizenCardConfig(AppConfig):
    name = "citizencard"

    def ready(self) -> None:
        """Make our Celery application the current one, so that `delay()` finds its broker in every process."""
        from citizencard import celery  # noqa: F401  being imported is enough
