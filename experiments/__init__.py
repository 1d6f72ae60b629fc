"""The experiments of the paper: what configs say, built and run with grustab."""
