"""What jobs need of AWS; nothing else of the job layer knows it."""
