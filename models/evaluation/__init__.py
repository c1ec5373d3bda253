"""How well journeys are found, against people whose interests are known.

people       collections of people with known interests, read from files
topics       posts with topics, to invent people from
invented     collections made from titles with known topics: people, mixed lists, short texts
judge        what a perfect clusterer would promote, and how near a found one comes
engine       the engine over a person, as a method like the others
baselines    what it is compared with: one-pass, batch, and global
rivals       River's stream clusterers
methods      all of these, with the choices each is given
extraction   all methods on all collections; the paper's two experiments are readings of it
calibration  whether a confidence of 0.8 is right 8 times in 10; fit_confidence makes it so
report       the numbers, for JSON
plot         the same in one picture

The clusterings beside the engine need the extra `evaluate` (scikit-learn, scipy, matplotlib).
"""
