"""A page as a browser shows it: for what plain HTTP does not have, which is scripts, layout and a screenshot."""

from haechi.preserve.browser.browser import Browser, BrowserLimits, find_browser
from haechi.preserve.browser.render import Rendered, render

__all__ = ["Browser", "BrowserLimits", "Rendered", "find_browser", "render"]
