"""Known inputs and their known results, as JSON; `haechi selftest` computes them again on this machine."""
