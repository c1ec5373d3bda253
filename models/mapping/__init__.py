"""How events of theirs become activities: mapping files, their paths and conditions, presets."""
