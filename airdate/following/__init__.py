"""After the upload TikTok decides, in seconds or in hours; we ask until it has, and never send again meanwhile.

A failed check never makes a post failed: what TikTok last said stays, and the post is asked about later.
"""

from airdate.following.heeding import heed
from airdate.following.looking import look
from airdate.following.sweeping import Swept, sweep
from airdate.following.watching import Watch, follow

__all__ = ["Swept", "Watch", "follow", "heed", "look", "sweep"]
