"""TikTok's Content Posting API: what to ask, what the answers mean, and the upload."""
