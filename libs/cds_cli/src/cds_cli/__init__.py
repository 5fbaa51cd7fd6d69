"""The `cds` command: the front door for operators, loaders of data and people who want to see it work."""
