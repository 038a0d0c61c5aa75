"""What a platform says of its own page: oEmbed by its link, the rest by yt-dlp, which is cut off from the network."""

from haechi.preserve.platforms.look import Looked, find_extractor, look_up
from haechi.preserve.platforms.oembed import ask_oembed

__all__ = ["Looked", "ask_oembed", "find_extractor", "look_up"]
