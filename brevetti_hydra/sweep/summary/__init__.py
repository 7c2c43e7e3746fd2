"""What became of a sweep: read from its trials' own folders, ranked, and shown as files."""
