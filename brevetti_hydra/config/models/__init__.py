"""What the settings' classes say: shapes, defaults, and where they say it."""
