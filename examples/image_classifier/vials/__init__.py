"""A project of its own: it tells good vials from bad ones."""
