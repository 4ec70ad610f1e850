"""Documents: what a reader sees in them, and what it does not see."""
