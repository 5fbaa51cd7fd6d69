"""HTTP: names the scope, parses, calls one use case, shapes the answer."""
