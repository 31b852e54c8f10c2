"""What the services and the networks cost, beside named alternatives."""
