"""A whole federation that anyone can run, break and measure against: shipped, loopback only, loud."""
