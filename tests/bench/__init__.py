"""The benchmark's own parts: what it invents, what it takes for clean, and how its figures are printed."""
