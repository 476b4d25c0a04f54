"""Fares: the one place where a price is worked out, by terminals, by the centre, and by anybody with the documents.

Pure functions over published documents and rides: no Django, no clock, no files. Amounts in fen, times aware.
"""
