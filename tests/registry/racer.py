"""One client of a race: `racer.py ADDRESS METHOD PATH BODY` asks once over HTTP and prints the status."""

import http.client
import sys

host, method, path, body = sys.argv[1:]
connection = http.client.HTTPConnection(host, timeout=120)
connection.request(method, path, body.encode(), {"content-type": "application/json"})
print(connection.getresponse().status)
