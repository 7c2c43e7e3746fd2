"""Working on a planned sweep: what runs next, what is tried again, when it is enough."""
