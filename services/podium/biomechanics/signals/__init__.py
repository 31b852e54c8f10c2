"""Arrays over time: the timeline, gaps, filters, derivatives."""
