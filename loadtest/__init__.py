"""Load tests: simulated users, and the capacity of the services."""
