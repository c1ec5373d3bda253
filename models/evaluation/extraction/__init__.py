"""How well journeys are found, against people whose interests are known.

experiment        begin here: all methods on all collections
judge             what a perfect clusterer would promote, and how near a found one comes
methods           the methods, with the choices each is given
engine            the engine over a person, as a method like the others
baselines         what it is compared with: one-pass, batch, and global
river_clusterers  River's stream clusterers
calibration       whether a confidence of 0.8 is right 8 times in 10
fit_confidence    finds the coefficients that make it so
several           collections whose activities have several topics each, or none: by pairs
report, plot      the numbers for JSON, and in one picture
"""
