"""What the gateway does a second, beside what others would use and what cannot be passed. `loyalty bench` calls it."""
