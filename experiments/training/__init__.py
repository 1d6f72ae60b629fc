"""One cell with one seed: built, trained, saved and resumed."""
