"""The door that companies' proxies already have: ICAP (RFC 3507), the wire apart from the sockets."""
