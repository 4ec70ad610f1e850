"""Runs over many files: state, ranges, and a real cluster of several processes."""
