"""What must hold over all data that one access token sees."""
