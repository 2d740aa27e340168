"""One module for each released revision of the schema."""
