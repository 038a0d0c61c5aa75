"""Time stamps (RFC 3161): asked of authorities by URI, read, and judged years later."""

from haechi.core.timestamp.authorities import Stamped, ask
from haechi.core.timestamp.judge import Judgement, judge_token, load_certificates
from haechi.core.timestamp.tokens import Token, read_token

__all__ = ["Judgement", "Stamped", "Token", "ask", "judge_token", "load_certificates", "read_token"]
