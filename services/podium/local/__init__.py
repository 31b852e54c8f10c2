"""Podium on one machine: services as processes, or all stages in this process."""
