"""Draw. Values in, lines out: no I/O, no platform names, no decisions."""
