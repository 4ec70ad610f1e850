"""Groups from a file and from a real directory."""
