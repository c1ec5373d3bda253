"""The service that writes `user-journeys`: one flat row a user, for what is no stream itself.

`follow` is the loop, `store` the copy that it keeps, `shares` who writes which rows; the row is
made in `models.user_journeys`.
"""
