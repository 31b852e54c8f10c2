"""The gateway: pipeline endpoints composed of the other services; the only public service."""
