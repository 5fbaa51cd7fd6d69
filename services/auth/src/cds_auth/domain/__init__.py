"""Rules of Grants, tokens and authorization requests: no framework, no clock, no input or output."""
