"""What is reported of a movement; one file per group of measures."""
