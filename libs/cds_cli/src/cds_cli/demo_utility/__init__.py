"""Harbor Light & Power: a believable utility made by a deterministic generator, the same on every machine."""
