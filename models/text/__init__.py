"""What titles say in words.

words             the words of a title in any script, made comparable
languages         function words, and whose a text has
keywords          salient terms: what a cluster counts
phrases           phrases of a journey's titles, and what each is worth
keyword_name      the name that a journey has from its first moment
spelled           one spelling for what titles spell in several ways
stems             English words without their endings: what two texts have in common
background.json   how common words are in titles of all kinds; build_background makes it
"""
