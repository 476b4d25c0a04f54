"""The shell of the citizen-card system: settings, urls, Celery, embedded services, the demo city and the fronts."""
