"""Stand-ins for the outside world, for demo and tests: never part of a production installation."""
