"""`journeys demo`: a broker, the services as children, a sample, and what must come of it."""
