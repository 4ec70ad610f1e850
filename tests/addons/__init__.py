"""The mitmproxy door."""
