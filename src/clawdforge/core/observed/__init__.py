"""Sessions that report themselves, folded into one picture. Pure: no I/O, no clock."""
