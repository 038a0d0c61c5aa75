"""Stages composed into jobs: many files checked in a row, and the proof that this installation works."""
