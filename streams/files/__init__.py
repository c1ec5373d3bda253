"""What commands read from files and pipes: rows, whatever the files' form."""
