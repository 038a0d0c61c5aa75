"""Second places: where a checkpoint of the ledger goes so that nobody who holds the home can take it back."""

from haechi.core.places.places import collect, publish
from haechi.core.places.terms import MailServer

__all__ = ["MailServer", "collect", "publish"]
