"""Fetching from the public web by one guarded client; nothing else here follows an address that a stranger gave."""

from haechi.core.fetch.addresses import PUBLIC, Guard, absolute
from haechi.core.fetch.client import Client, Exchange, FetchLimits

__all__ = ["PUBLIC", "Client", "Exchange", "FetchLimits", "Guard", "absolute"]
