"""Photos: upright, in sRGB, on an opaque ground, whatever a DAM holds."""
