"""A whole configuration, judged file by file and option by option."""
