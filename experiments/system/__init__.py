"""The machine: files, locks, signals, devices, and what a result has to say of them."""
