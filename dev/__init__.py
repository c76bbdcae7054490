"""Programs for development, demo and tests, which are not in the image."""
