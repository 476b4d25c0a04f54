"""The rules that proposals are about, one module each.

`check` reads what was handed in and gives it back as it is to be kept; `publish` puts that in force, under the lock of the rules.
Both raise InvalidField with the field and the rule it breaks.
"""
