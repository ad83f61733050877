"""Label exports and their history."""
