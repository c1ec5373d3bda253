"""The pure core: clusters one user's activities, and follows the journeys among the clusters.

engine      begin here: what an activity, a name and the passing of time do to a user
assignment  which cluster an activity belongs to; clusters that turn out to be one
lifecycle   what becomes of a journey: it starts, is revised, falls asleep, ends
outcome     what one input brought about
views       how a journey is shown to others
publishable what of an outcome may be published
confidence  how sure it is that a journey is one interest that persists
legible     whether a journey is of titles that the encoder misread
kinds       whether it goes on, or came with a situation; logistic: the model of both chances
themes      the few subjects that a user's journeys are under
rhythm      how long a journey is silent as a rule, and what silence and return say
users       what is known of one user
clusters    a user's clusters in numbers, on the compiled loops of kernel; grid, arithmetic: in
            whole numbers, the same on every processor
params      the settings, with the reason for each default
repeats     which activities were counted before
windows     tumbling windows of event time
exemplars   the few titles that stand for a cluster
snapshot    state to bytes and back; compact: vectors in few bytes
river_estimator  the clustering for River's users; no service loads it
"""
