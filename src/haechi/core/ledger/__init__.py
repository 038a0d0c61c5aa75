"""The ledger's own mathematics: entries in a hash chain, a Merkle tree over them, signed checkpoints, an audit.

Nothing here knows where the rows are kept; `haechi.core.store` writes them.
"""

from haechi.core.ledger.audit import Audit, Fault, Row, audit
from haechi.core.ledger.checkpoints import Checkpoint, LedgerKey, ledger_key, read_checkpoint, sign_checkpoint
from haechi.core.ledger.entries import Entry, canonical, record_digest
from haechi.core.ledger.tree import Frontier, Tree, leaf_hash, verify_consistency, verify_inclusion

__all__ = [
    "Audit",
    "Checkpoint",
    "Entry",
    "Fault",
    "Frontier",
    "LedgerKey",
    "Row",
    "Tree",
    "audit",
    "canonical",
    "leaf_hash",
    "ledger_key",
    "read_checkpoint",
    "record_digest",
    "sign_checkpoint",
    "verify_consistency",
    "verify_inclusion",
]
