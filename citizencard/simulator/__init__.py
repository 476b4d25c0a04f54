"""A city that can be made again from a number: who taps where and when, what goes wrong, and what the books must then say.

`plan` draws everything from the seed and knows each record's verdict before it is sent; `founding`, `mint`, `chips` and
`delivery` bring it into the real city; `check` compares what was found there, record by record and fen by fen.
"""
