"""A model host: one process, one model. It trusts its parent and nothing else; the parent trusts nothing in here."""
