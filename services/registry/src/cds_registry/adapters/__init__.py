"""What lies outside this process: auth, the file store, and the keys."""
