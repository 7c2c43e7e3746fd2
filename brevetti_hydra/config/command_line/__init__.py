"""The words of a command line: overrides, their keys and their values."""
