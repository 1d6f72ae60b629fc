"""Section D: what an iteration costs."""
