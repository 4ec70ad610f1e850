"""The pages: HTML, one file for each group of them."""
