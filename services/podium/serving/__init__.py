"""What every service is made of: the app, the models it serves, the client of other services."""
