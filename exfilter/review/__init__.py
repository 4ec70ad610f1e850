"""The reviewer's desk: pages and an API over what was held, and what is decided about it."""
