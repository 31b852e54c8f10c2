"""What Podium reads from and writes to the API server of its cluster."""
