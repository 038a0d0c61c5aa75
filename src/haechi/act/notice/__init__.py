"""Notices: what each law asks for, as data; drafts from it; signatures, states, deadlines."""
