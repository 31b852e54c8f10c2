"""The ``podium`` command: starts the services, runs videos through them, looks after models."""
