"""The media engine: anything in, exactly what TikTok takes out, with the least work."""
