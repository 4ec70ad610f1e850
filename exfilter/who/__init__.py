"""Who is at the other end: users and their passwords, client certificates, and what a log calls them."""
