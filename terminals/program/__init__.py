"""The program on a terminal: journal, fares, purchase with card and SAM, upload. Needs no Django, runs on a bus."""
