"""Tables, claims and pages, made from the result files."""
