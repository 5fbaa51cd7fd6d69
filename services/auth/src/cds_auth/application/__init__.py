"""Use cases of auth, one file each; they take the caller's transaction and never commit, unless their text says so."""
