"""Values as plain dicts, for --json and for stored files."""
