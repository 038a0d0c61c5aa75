"""Preserving: from a file or a URL to an exhibit that a court can rely on, and to a bundle that anyone can verify."""
