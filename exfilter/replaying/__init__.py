"""Recorded traffic through the pipeline as it is, or as it would be: nothing is sent, nothing is kept.

Captures are split into units (``units``), which workers read and scan (``examining``); their answers come
back in order and are decided one after the other with what the capture showed before (``side``), in a ledger
that is thrown away (``scratch``). What came of it is counted there as well (``tallies``), so that an
interrupted replay goes on where it was (``run``). ``importing`` alone writes into the live ledger.
"""
