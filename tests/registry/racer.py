"""Clients of a race: `racer.py ADDRESS REQUESTS` asks all at once over HTTP, each on a connection of its own.

REQUESTS is a JSON list of method, path and body. Each answer's status is printed on a line.
"""

import http.client
import json
import sys
import threading


def ask(method: str, path: str, body: object) -> None:
    """One client."""
    connection = http.client.HTTPConnection(sys.argv[1], timeout=280)
    connection.request(method, path, json.dumps(body).encode(), {"content-type": "application/json"})
    status = connection.getresponse().status
    sys.stdout.write(f"{status}\n")


clients = [threading.Thread(target=ask, args=request) for request in json.loads(sys.argv[2])]
for client in clients:
    client.start()
for client in clients:
    client.join()
