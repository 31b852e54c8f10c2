"""Podium on one machine: the services as processes, the stages in this process."""
