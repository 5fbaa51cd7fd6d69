"""The registry service: metadata, coverage, Client Objects, Credentials, Messages and Server-Provided Files."""
