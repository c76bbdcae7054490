"""How fast the function answers, beside one that does nothing: `make bench`."""
