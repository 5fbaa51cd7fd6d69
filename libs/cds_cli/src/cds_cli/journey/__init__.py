"""The journey of a client that nobody has met, played against a running server with nothing but its public addresses."""
