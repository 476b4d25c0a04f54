"""The service desk: one search box for everybody who comes, and cards issued in a few screens."""
