"""Launchers: what trials run in. Each stands beside its peers; `base` has the contract."""
