"""A real proxy, real clients, and a far end that counts."""
