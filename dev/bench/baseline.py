"""The minimal function in Python: the SDK's server, with an answer that changes nothing."""

from typing import Any

import click
import grpc
from crossplane.function import cli, response
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from crossplane.function.proto.v1 import run_function_pb2_grpc as grpcv1


class Baseline(grpcv1.FunctionRunnerServiceServicer):
    """A function that passes the desired state of earlier steps on."""

    async def RunFunction(  # noqa: N802  # gRPC requires this name
        self, req: fnv1.RunFunctionRequest, _: grpc.aio.ServicerContext[Any, Any]
    ) -> fnv1.RunFunctionResponse:
        """Answer."""
        return response.to(req)


@click.command()
@cli.standard_options
def main(**flags: Any) -> None:  # noqa: ANN401  # the SDK's flags go through as they are
    """Serve."""
    cli.run(Baseline(), **flags)


if __name__ == "__main__":
    main()
