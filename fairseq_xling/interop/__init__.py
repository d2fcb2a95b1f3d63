"""Hugging Face folders to fairseq folders, and back."""
