"""Bundles: one case in one ZIP that anyone can verify without Haechi, its database, its home or a network."""
