"""Bad days on purpose: one post after the other goes out to a sandbox while its workers are killed and TikTok fails.

Every rehearsal brings its own sandbox and its own homes; none can reach the real TikTok or an operator's ledger.
"""
