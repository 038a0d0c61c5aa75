"""The HTML page of a report: `page.py` renders it, `wording.py` holds its words, `text.py` makes values readable."""
