"""Invisible marks: a payload of 40 bits that survives what the internet does to a picture.

A mark is a pointer, never a proof: what it names must agree by fingerprint and comparison.
Each reader is a module: `blind`, `informed`; `embed` writes. Whoever only looks for the key loads none of them.
"""
