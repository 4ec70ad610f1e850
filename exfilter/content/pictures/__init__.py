"""Pictures: what is written beside their pixels and, where that is wanted, what their pixels show."""
