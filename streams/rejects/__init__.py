"""What was rejected: counted, shown, sent again."""
