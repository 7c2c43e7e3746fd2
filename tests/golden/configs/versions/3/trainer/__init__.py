"""The project at version 3."""
