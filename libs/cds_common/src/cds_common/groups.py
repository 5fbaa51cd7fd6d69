"""Names of consumer groups on the bus."""


def consumer_group(service: str, topic: str) -> str:
    """The group in which the workers of a service share a topic.

    One for each topic: members of one group wait for each other whenever one comes or goes, whatever they read.
    """
    return f"{groups_of(service)}{topic}"


def groups_of(service: str) -> str:
    """What the names of all groups of a service begin with."""
    return f"cds-{service}."
