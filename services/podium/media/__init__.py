"""What media are, told by their first bytes, and how they are opened and turned upright."""
