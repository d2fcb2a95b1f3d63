"""The recipes: what each of the scripts in the folder above runs."""
