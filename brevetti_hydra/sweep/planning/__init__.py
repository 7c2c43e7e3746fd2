"""From a line with `-m` to a planned sweep; `plan` is the way through."""
