"""A strict stand-in for Zoom's SIP Connected Audio API: for demo, tests and training, in its own process."""
