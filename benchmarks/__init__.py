"""Benchmarks: what Haechi reaches on real media, measured, with confidence intervals."""
