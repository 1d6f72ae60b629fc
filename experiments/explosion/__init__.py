"""``explosion``: why SGD with P_delta explodes although the spectral radius stays below 1."""
