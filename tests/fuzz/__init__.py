"""Coverage-guided fuzzing (atheris) of everything that reads bytes from strangers. `python -m tests.fuzz --help`."""
