"""What a family of tasks is: sentence pairs, tagging, questions."""
