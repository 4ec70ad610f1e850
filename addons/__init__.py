"""The mitmproxy door: flow to transfer to verdict, then forwarding or a block page."""
