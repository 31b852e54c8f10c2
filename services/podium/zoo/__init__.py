"""Downloads published weights and converts them."""
