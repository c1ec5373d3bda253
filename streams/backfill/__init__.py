"""A history first, then what a live topic holds, without a gap or a repeat between them."""
