"""What jobs say of themselves: the operational log, metrics, health."""
