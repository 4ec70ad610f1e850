"""exfilter: counts the customers in what leaves a company, and holds the transfer."""
