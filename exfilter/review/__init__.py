"""The reviewers' desk in the browser and its API: a process of its own, ``exfilter review``."""
