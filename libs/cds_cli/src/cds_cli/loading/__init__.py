"""Real data in: files become `utility.*` messages; a bad line is refused with its reason and the rest is loaded."""
