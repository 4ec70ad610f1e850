"""The customer index: its key, how it is built from a customer table, and how it is opened."""
