"""What an INT8 copy of a model costs in accuracy and gains in speed."""
