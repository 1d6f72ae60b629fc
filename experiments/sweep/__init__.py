"""Many runs: the plan, the pool or cluster that does it, and what a person sees meanwhile."""
