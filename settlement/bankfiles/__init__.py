"""The files a bank reads and writes, as bytes and as plain values: ISO 20022 messages and a text format.

Nothing here knows the database. What is wrong with a file is a list of problems, each with its place and rule.
See docs/bank-files.md.
"""
