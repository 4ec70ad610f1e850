"""Scans of more files than one machine reads in a day: listed first, finished one by one, resumed."""
