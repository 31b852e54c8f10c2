"""Events of a movement: contacts, jumps."""
