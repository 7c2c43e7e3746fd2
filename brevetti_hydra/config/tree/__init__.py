"""The tree of settings: YAML and arguments as nodes that remember who wrote them."""
