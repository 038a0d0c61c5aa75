"""Provenance: C2PA manifests (Content Credentials) of media files."""
