"""Who sent whom: exposures by actor and destination, and what follows from them."""
