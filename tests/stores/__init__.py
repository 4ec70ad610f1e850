"""Where files lie, against folders and a real S3-compatible server."""
