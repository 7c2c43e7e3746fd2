"""Searches: what chooses the points of a sweep one after the other. `base` has the contract."""
