"""exfilter: counts the customers in what leaves a company, and holds the transfer."""

__version__ = "0.1.0"
