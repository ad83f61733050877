"""The standard library's HTTP server as it was before eventlet patched the process: real threads, real sockets.

`eventlet.patcher.original("http.server")` alone is not enough: the copy still finds the patched `socketserver`,
`selectors` and `socket`, so its "threads" would be greenlets of a hub of their own, which can stall.
"""

from eventlet import patcher

_real = {name: patcher.original(name) for name in ("socket", "select", "time", "threading", "os")}
threading = _real["threading"]
_selectors = patcher.inject("selectors", None, ("select", _real["select"]))
_socketserver = patcher.inject("socketserver", None, ("selectors", _selectors), *_real.items())
http_server = patcher.inject("http.server", None, ("socketserver", _socketserver), *_real.items())
