"""How good names are, by technique, on groups of titles that people have named.

experiment  begin here: techniques side by side, and what makes names better
cases       what is named: held-out groups as the journeys of made-up users
methods     how they are named: by keywords, one by one, or all in one call
scores      how good the names are
pages, plot  the names to be read and in one picture
"""
