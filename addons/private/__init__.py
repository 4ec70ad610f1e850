"""All that this door takes from mitmproxy without an interface for it, and the check that it is as known."""
