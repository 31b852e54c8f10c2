"""Files: tables and the formats of motion capture."""
