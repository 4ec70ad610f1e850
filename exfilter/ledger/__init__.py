"""Who sent whom: exposures by actor, destination and day, and what follows from them."""
