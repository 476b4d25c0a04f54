"""Chaos: processes and the database are killed on purpose, and what was promised is looked for afterwards.

`python -m tests.chaos` runs every part at the size of an ordinary test run, `--full` at the size that a release needs.
Each part is a pair: the system as it is must lose nothing, and the same with one protection taken away must lose something;
a control that finds nothing fails the run, since it would find nothing in the real thing either.
"""
