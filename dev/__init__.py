"""What developing and trying the project takes; nothing of it is in the image."""
