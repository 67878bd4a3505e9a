"""Where assets come from: local files and HTTP(S), later buckets and DAMs; one contract for all (`contract.py`)."""
