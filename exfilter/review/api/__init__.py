"""The API: JSON under /api/v1, with the same rights as the pages."""
