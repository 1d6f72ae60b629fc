"""``figures``: everything drawn from result files alone."""
