"""Load tests: users that behave like the real callers, and what the services can carry."""
