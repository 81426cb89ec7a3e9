"""One file that holds many, sealed under a passphrase: written and read in a stream."""
