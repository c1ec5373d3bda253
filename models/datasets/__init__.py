"""People and titles whose interests are known, read from files or made of them.

people        collections of people; begin here
topics        posts with topics, to invent people from
invented      people, mixed lists and streams made of titles with known topics
named_groups  groups of titles that people have named
"""
