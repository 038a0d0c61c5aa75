"""Register what is authentic: artists (`enrol`), masters (`release`) and confirmed fakes (`bank`)."""
