"""Users' state taken from one group's changelog and put into another's."""
