"""Our local TikTok: what the main job touches, strict, with faults on demand and a page that shows what was posted.

Nothing is imported here, so that asking whether a client key is the sandbox's costs no web server.
"""
