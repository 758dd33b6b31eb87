"""Bytes to values and back, one file a dialect. No I/O: nothing here opens, waits or sleeps."""
