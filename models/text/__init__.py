"""What titles say in words.

keywords          salient terms, and the name that a journey has from its first moment
stems             words without their endings: what two texts have in common
background.json   how common words are in titles of all kinds; build_background makes it
"""
