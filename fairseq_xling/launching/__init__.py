"""fairseq's commands, checked before and around their work."""
