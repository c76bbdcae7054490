"""The writing style of CONTRIBUTING.md, as far as a test can keep it."""

import re

AVOIDED = re.compile(
    r"\b(customers?|nobody|somebody|tells|asks|in words|for ever|goes)\b", re.IGNORECASE
)
"""Words that neither pages nor docstrings nor comments contain."""
