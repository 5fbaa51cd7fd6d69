"""The calls that auth makes to its peers."""
