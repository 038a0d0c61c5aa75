"""Check: from a suspicious file to a report. One module per step; `check.py` composes them."""
