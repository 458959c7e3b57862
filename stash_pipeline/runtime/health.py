"""Whether one of Dagster's processes is well, for health checks: `python -m stash_pipeline.runtime.health web 3000`.

Imports only what the check needs, because a container runs it every few seconds: Dagster's own commands for this
take two seconds of processor time each.
"""

import http.client
import sys
from collections.abc import Sequence
from typing import Final

_SECONDS: Final = 5.0
_SILENT_SECONDS: Final = 300
"""Without a heartbeat for this long, a part of the daemon hangs. Each sends one every 30 s."""
_PARTS: Final = ("SCHEDULER", "SENSOR", "QUEUED_RUN_COORDINATOR", "MONITORING")
_HEARTBEATS: Final = """
SELECT p.part FROM unnest(%s::text[]) AS p (part)
LEFT JOIN dagster.daemon_heartbeats AS h ON h.daemon_type = p.part
WHERE h.body IS NULL OR extract(epoch FROM now()) - (h.body::json ->> 'timestamp')::float > %s
"""


def code_problem(port: int) -> str | None:
    """What is wrong with the code server on a port of this host, or None."""
    import grpc
    from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
    from grpc_health.v1.health_pb2_grpc import HealthStub

    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            answer = HealthStub(channel).Check(HealthCheckRequest(service="DagsterApi"), timeout=_SECONDS)
    except grpc.RpcError as error:
        return f"The code server does not respond on port {port} ({error.code().name})."
    return None if answer.status == HealthCheckResponse.SERVING else f"The code server on port {port} does not serve."


def web_problem(port: int) -> str | None:
    """What is wrong with the web server on a port of this host, or None."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_SECONDS)
    try:
        connection.request("GET", "/server_info")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"The web server does not respond on port {port} ({type(error).__name__})."
    finally:
        connection.close()
    return None if status == http.client.OK else f"The web server on port {port} responds with status {status}."


def daemon_problem() -> str | None:
    """What is wrong with the daemon of the database, wherever it runs, or None."""
    import psycopg

    from stash_pipeline.errors import UserError
    from stash_pipeline.settings import load_settings, psycopg_url

    try:
        url = load_settings().database()
        if url is None:
            return "STASH_PIPELINE_DATABASE_URL is not set."
        with psycopg.connect(psycopg_url(url), connect_timeout=int(_SECONDS)) as connection:
            silent = [row[0] for row in connection.execute(_HEARTBEATS, [list(_PARTS), _SILENT_SECONDS])]
    except (psycopg.Error, UserError) as error:
        return f"The database cannot be asked for heartbeats ({type(error).__name__})."
    return f"No heartbeat of the daemon for {_SILENT_SECONDS} s: {', '.join(silent)}." if silent else None


def main(arguments: Sequence[str]) -> int:
    """The program: `code PORT`, `web PORT` or `daemon`; exit code 0, or 1 and a sentence."""
    problem: str | None
    if len(arguments) == 2 and arguments[0] in ("code", "web") and arguments[1].isdigit():
        problem = (code_problem if arguments[0] == "code" else web_problem)(int(arguments[1]))
    elif list(arguments) == ["daemon"]:
        problem = daemon_problem()
    else:
        problem = "Say what to check: code PORT, web PORT or daemon."
    if problem:
        print(problem, file=sys.stderr)
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
