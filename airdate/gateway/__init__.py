"""Where DAMs say what was approved: deliveries are checked, stored, answered, and then made into posts."""

from airdate.gateway.relay import relay
from airdate.gateway.serve import serve

__all__ = ["relay", "serve"]
