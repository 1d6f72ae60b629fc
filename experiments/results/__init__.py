"""Result files: their form, reading and writing them, and what is read off them."""
