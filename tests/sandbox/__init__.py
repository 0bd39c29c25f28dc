"""Tests of the stand-in for Zoom; they speak HTTP with it and use no code of the portal's client."""
