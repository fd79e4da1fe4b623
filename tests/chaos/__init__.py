"""Actions over a network that breaks them at any byte: nothing happens twice, and no word is said without evidence."""
