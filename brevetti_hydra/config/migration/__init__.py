"""Files, lines and records of older versions, as the newest has them."""
