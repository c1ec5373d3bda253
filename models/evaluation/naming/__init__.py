"""How good names are, by technique, on groups of titles that people have named.

experiment  begin here: techniques side by side, what makes names better, and bad names
cases       what is named: held-out groups as the journeys of users, a part of their titles unseen
people      journeys that the engine finds with real people, named by topics
methods     how they are named: by keywords, one by one, or all in one call
controls    names that are known to be bad
judge       the encoder that judges, not the one that chose
unseen      whether unseen titles find their name
fluency     how likely a language model finds a name
scores      how good the names are, all measures together
pages       the names to be read blind, and the numbers
marks       what readers marked there
plot        the names in one picture
"""
