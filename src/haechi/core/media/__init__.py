"""Pictures, moving pictures and sound: read in a limited child process, written, searched for faces and persons."""
