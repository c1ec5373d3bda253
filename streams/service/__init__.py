"""What worker and namer have in common: their start and end, their endpoint, what they count."""
