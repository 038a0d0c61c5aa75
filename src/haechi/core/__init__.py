"""What every stage stands on: errors, records, media, fingerprints, provenance and the store."""
