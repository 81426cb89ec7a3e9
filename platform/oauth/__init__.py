"""Signing in by somebody else's account: Google, GitHub, QQ and WeChat."""
