"""Which files there are, and which of them take part."""
