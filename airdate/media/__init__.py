"""The media engine: look at a film or photos, decide, make what TikTok takes, and prove it."""
