"""What may be shown of a journey: one guard for names, items and terms.

policy      begin here: which subjects are sensitive, and what becomes of a journey that is
lexicon     which subjects the words of a text touch
lists       the word lists, by language
words/      the lists and their licences; build_words makes them (sources, apertium, wordnet)
injection   whether a title gives orders to a language model
"""
