"""What this service reads from outside its database and the bus."""
