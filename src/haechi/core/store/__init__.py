"""Records, fingerprints and files that outlive a command. The only place that knows SQLAlchemy."""

from haechi.core.store.rows import EnrolledPhoto, FingerprintRow, new_id, now
from haechi.core.store.store import Store, open_store

__all__ = ["EnrolledPhoto", "FingerprintRow", "Store", "new_id", "now", "open_store"]
