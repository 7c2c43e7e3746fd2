"""JSON Schema for editors of YAML files."""
