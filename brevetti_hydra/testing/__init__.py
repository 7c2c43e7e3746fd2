"""Contract suites and fault injection, for the tests of this package and of its users."""
