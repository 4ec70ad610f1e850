"""Users, certificates, pseudonyms."""
