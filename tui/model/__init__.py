"""What deckwatch talks about: plain values, without I/O and without Textual."""
